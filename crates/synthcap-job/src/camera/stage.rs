//! What a camera path goes around: where the things are, and how far off the
//! scene's own camera looks at them from.

use synthcap::{CameraState, ObjectState, Vec3};

/// What to look at, and from where.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// World, centimetres.
    pub center: Vec3,
    /// Most things lie within, centimetres.
    pub radius_cm: f64,
    /// A good distance for a camera, centimetres.
    pub distance_cm: f64,
    /// Where the scene's camera stands, as seen from the centre, degrees.
    pub azimuth_deg: f64,
    /// How high it stands, degrees.
    pub elevation_deg: f64,
}

/// How far ahead of the camera the centre is taken to be when the server does not
/// say where things are, centimetres.
const BLIND_AHEAD_CM: f64 = 300.0;

impl Stage {
    /// The stage of a scene with these objects and this camera.
    ///
    /// Things that can move are what a scene is about; floors and walls are not.
    /// The scene's author has put the camera where nothing is in its way, so its
    /// distance is kept unless it makes no sense for the things there are.
    pub fn of(objects: &[ObjectState], camera: &CameraState) -> Self {
        let mut things: Vec<_> = objects.iter().filter(|object| object.dynamic).collect();
        if things.is_empty() {
            things = objects.iter().collect();
        }
        let place = |v: Vec3| [v.x, v.y, v.z].map(f64::from);
        let (center, radius_cm) = if things.is_empty() {
            let [forward, ..] = camera.pose.rotation.axes();
            let at = place(camera.pose.location);
            let ahead = std::array::from_fn(|i| at[i] + BLIND_AHEAD_CM * forward[i]);
            (ahead, BLIND_AHEAD_CM / 3.0)
        } else {
            // Medians: a thing that fell off the table moves neither.
            let centers: Vec<_> = things.iter().map(|o| place(o.box_3d.center)).collect();
            let center =
                std::array::from_fn(|i| quantile(centers.iter().map(|c| c[i]).collect(), 0.5));
            let reach = things.iter().zip(&centers).map(|(object, at)| {
                let half = place(object.box_3d.half_extent);
                distance(*at, center) + half.into_iter().fold(0.0, f64::max)
            });
            (center, quantile(reach.collect(), 0.9).max(1.0))
        };
        let from = place(camera.pose.location);
        let offset: [f64; 3] = std::array::from_fn(|i| from[i] - center[i]);
        let away = distance(from, center);
        let fitting = fitting_distance(radius_cm, camera);
        let sensible = (fitting * 0.5..=fitting * 2.5).contains(&away);
        Self {
            center: Vec3::new(center[0] as f32, center[1] as f32, center[2] as f32),
            radius_cm,
            distance_cm: if sensible { away } else { fitting },
            azimuth_deg: offset[1].atan2(offset[0]).to_degrees(),
            elevation_deg: offset[2].atan2(offset[0].hypot(offset[1])).to_degrees(),
        }
    }

    /// The point around the centre in a direction and at a distance.
    pub fn around(&self, azimuth_deg: f64, elevation_deg: f64, distance_cm: f64) -> Vec3 {
        let (sin_a, cos_a) = azimuth_deg.to_radians().sin_cos();
        let (sin_e, cos_e) = elevation_deg.to_radians().sin_cos();
        Vec3::new(
            (f64::from(self.center.x) + distance_cm * cos_e * cos_a) as f32,
            (f64::from(self.center.y) + distance_cm * cos_e * sin_a) as f32,
            (f64::from(self.center.z) + distance_cm * sin_e) as f32,
        )
    }
}

/// From where a ball of this radius fills the shorter side of the image.
fn fitting_distance(radius_cm: f64, camera: &CameraState) -> f64 {
    let lens = &camera.intrinsics;
    let half_angle = (f64::from(lens.height) / 2.0 / lens.fy)
        .min(f64::from(lens.width) / 2.0 / lens.fx)
        .atan();
    let sine = half_angle.sin();
    if sine > 0.01 {
        radius_cm / sine
    } else {
        radius_cm * 2.5
    }
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

fn quantile(mut values: Vec<f64>, q: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values
        .get((last as f64 * q).round() as usize)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use synthcap::{Intrinsics, Label, Rotator, Transform};

    use super::*;

    fn thing(at: Vec3, dynamic: bool) -> ObjectState {
        ObjectState {
            label: Label {
                instance_id: 1,
                object: "thing".into(),
                class_id: 1,
                class_name: "thing".into(),
            },
            transform: Transform::new(at, Rotator::ZERO),
            box_3d: synthcap::Box3 {
                center: at,
                half_extent: Vec3::new(5.0, 5.0, 5.0),
                rotation: Rotator::ZERO,
            },
            views: Vec::new(),
            dynamic,
        }
    }

    fn camera(from: Vec3) -> CameraState {
        CameraState {
            name: "main".into(),
            pose: Transform::look_at(from, Vec3::ZERO),
            intrinsics: Intrinsics::from_horizontal_fov(60.0, 640, 480),
        }
    }

    fn ring() -> Vec<ObjectState> {
        let around = (0..12).map(|i| f64::from(i) / 12.0 * std::f64::consts::TAU);
        around
            .map(|a| {
                thing(
                    Vec3::new(40.0 * a.cos() as f32, 40.0 * a.sin() as f32, 0.0),
                    true,
                )
            })
            .collect()
    }

    #[test]
    fn the_centre_is_among_the_things_whatever_lies_far_off() {
        let mut objects = ring();
        objects.push(thing(Vec3::new(0.0, 0.0, -5000.0), true));
        objects.push(thing(Vec3::new(9000.0, 0.0, 0.0), false));
        let stage = Stage::of(&objects, &camera(Vec3::new(-120.0, 0.0, 90.0)));
        assert!(
            stage.center.x.abs() < 25.0 && stage.center.y.abs() < 25.0,
            "{stage:?}"
        );
        assert_eq!(stage.center.z, 0.0);
        assert!((40.0..70.0).contains(&stage.radius_cm), "{stage:?}");
    }

    #[test]
    fn the_camera_s_own_place_is_kept_when_it_makes_sense() {
        let near = Stage::of(&ring(), &camera(Vec3::new(-120.0, 0.0, 90.0)));
        assert!((near.distance_cm - 150.0).abs() < 40.0, "{near:?}");
        let first = near.around(near.azimuth_deg, near.elevation_deg, near.distance_cm);
        assert!(
            (first.x + 120.0).abs() < 0.1 && (first.z - 90.0).abs() < 0.1,
            "{first:?}"
        );
        let far = Stage::of(&ring(), &camera(Vec3::new(-9000.0, 0.0, 90.0)));
        assert!(far.distance_cm < 300.0, "{far:?}");
    }

    #[test]
    fn without_things_the_camera_looks_ahead() {
        let stage = Stage::of(&[], &camera(Vec3::new(-500.0, 0.0, 0.0)));
        assert!((stage.center.x + 200.0).abs() < 0.1, "{stage:?}");
        assert!(stage.distance_cm > 100.0);
    }
}
