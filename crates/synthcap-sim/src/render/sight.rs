//! Whether anything stands before points, found for many of them at once.
//!
//! Points that lie near each other share the search for what could hide them: the
//! triangles in the part of the scene that all their lines of sight run through.
//! Each of these is set up once, and its numbers, which change evenly from place
//! to place, are then held against the points, four at a time.

use glam::{Vec2, Vec3A, Vec4};

use super::{cluster::Cluster, raster::lens};
use crate::{
    camera::{Eye, NEAR_M},
    mesh::{Facets, Lens, Packet, Shaft},
    region::Region,
    trace::{Ground, Instance, Tracer},
    tree::Ray,
};

/// Clusters are looked at together while the bounds of all are not larger than
/// this many times theirs.
const LOOSE: f32 = 3.0;

/// With more packets of triangles than this for each cluster, points are looked at
/// with a ray each.
const CROWD: usize = 64;
/// Where lines of sight lead to.
#[derive(Clone, Copy, Debug)]
pub(super) enum View<'a> {
    /// To an eye.
    Eye(&'a Eye),
    /// In one direction: the third of these axes of unit length.
    Along(&'a [Vec3A; 3]),
}

pub(super) fn flat(place: Vec3A) -> Vec2 {
    Vec2::new(place.x, place.y)
}

/// A question after one point; see [`Sight::ask`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Question(u32);

/// Questions whether points can be seen, and the answers.
#[derive(Debug, Default)]
pub(super) struct Sight {
    clusters: Vec<Cluster>,
    /// So many of them are used; the others are memory to be used again.
    used: usize,
    /// Clusters before this one are complete.
    first: usize,
    /// The last question's; that of none since there is a new part.
    last: usize,
}

impl Sight {
    /// Forgets all questions.
    pub(super) fn clear(&mut self) {
        self.used = 0;
        self.part();
    }

    /// What is asked from here on lies elsewhere.
    pub(super) fn part(&mut self) {
        self.first = self.used;
        self.last = usize::MAX;
    }

    /// An empty cluster.
    fn add(&mut self, ground: Ground) -> usize {
        match self.clusters.get_mut(self.used) {
            Some(cluster) => cluster.reuse(ground),
            None => self.clusters.push(Cluster::new(ground)),
        }
        self.used += 1;
        self.used - 1
    }

    /// Asks after a point at a place in the view's picture, which is a column, a
    /// row and the greatest nearness of what does not hide it. Points of one instance
    /// are looked at together, for they mostly lie near each other.
    #[inline]
    pub(super) fn ask(&mut self, ground: Ground, place: Vec3A) -> Question {
        // The last one mostly fits.
        let last = self.clusters.get(self.last);
        if !last.is_some_and(|cluster| cluster.fits(ground)) {
            self.last = self.cluster_for(ground);
        }
        let index = self.last;
        let point = self.clusters[index].push(place);
        Question((index * Cluster::SIZE + point) as u32)
    }

    /// A cluster with room for points of a ground.
    #[inline(never)]
    fn cluster_for(&mut self, ground: Ground) -> usize {
        let recent = &self.clusters[self.first..self.used];
        match recent.iter().rposition(|cluster| cluster.fits(ground)) {
            Some(index) => self.first + index,
            None => self.add(ground),
        }
    }

    /// Answers all questions.
    pub(super) fn look(&mut self, tracer: &Tracer, view: View<'_>) {
        look(&mut self.clusters[..self.used], tracer, view);
    }

    /// Whether anything stands before a point, once [`look`](Self::look) was
    /// called.
    pub(super) fn is_hidden(&self, Question(index): Question) -> bool {
        let (cluster, point) = (
            index as usize / Cluster::SIZE,
            index as usize % Cluster::SIZE,
        );
        self.clusters[cluster].has_hidden(point)
    }
}

fn look(clusters: &mut [Cluster], tracer: &Tracer, view: View<'_>) {
    let (mut low, mut high) = (Vec3A::INFINITY, Vec3A::NEG_INFINITY);
    let mut areas = 0.0;
    for cluster in &*clusters {
        low = low.min(cluster.low);
        high = high.max(cluster.high);
        areas += area(cluster.low, cluster.high);
    }
    let close = || clusters.len() == 1 || area(low, high) <= LOOSE * areas;
    let found = close()
        .then(|| find(clusters, (low, high), tracer, view))
        .flatten();
    match (found, &mut *clusters) {
        (Some(found), _) if found.is_empty() => {}
        (Some(found), _) => examine(clusters, low, &found, tracer, view),
        (None, []) => {}
        (None, [cluster]) => cluster.trace(tracer, view),
        (None, _) => {
            let (left, right) = clusters.split_at_mut(clusters.len() / 2);
            look(left, tracer, view);
            look(right, tracer, view);
        }
    }
}

fn area(low: Vec3A, high: Vec3A) -> f32 {
    let extent = high - low;
    extent.x * extent.y
}

/// Instances, and packets of their triangles, that may hide points of clusters
/// with these bounds; `None` when there are too many.
fn find(
    clusters: &[Cluster],
    (low, high): (Vec3A, Vec3A),
    tracer: &Tracer,
    view: View<'_>,
) -> Option<Vec<(u32, u32)>> {
    let region = view.region(low, high).grown(tracer.margin());
    let own = clusters[0].ground.own();
    let own = own.filter(|_| clusters.iter().all(|cluster| cluster.ground.own() == own));
    let most = CROWD * clusters.len();
    let mut found = Vec::with_capacity(most);
    tracer.visit_region(&region, |index| {
        if own != Some(index) {
            let instance = &tracer.instances()[index as usize];
            instance
                .mesh
                .visit_region(&region.local(instance), |packet| {
                    found.push((index, packet));
                    found.len() > most
                });
        }
        found.len() > most
    });
    (found.len() <= most).then_some(found)
}

/// Holds packets of triangles against the points of clusters that lie from `low`
/// on.
fn examine(
    clusters: &mut [Cluster],
    low: Vec3A,
    found: &[(u32, u32)],
    tracer: &Tracer,
    view: View<'_>,
) {
    let origin = view.origin(low);
    for cluster in &mut *clusters {
        cluster.settle(origin);
    }
    let limit = Vec4::splat(view.limit());
    for of_one in found.chunk_by(|a, b| a.0 == b.0) {
        let index = of_one[0].0;
        let instance = &tracer.instances()[index as usize];
        let picture = Picture::new(view, origin, tracer, instance);
        let from_outside = view.is_outside(tracer, index);
        for packets in of_one.chunks(Packet::FETCHED) {
            let packets = packets
                .iter()
                .map(|&(_, packet)| (instance.mesh.packet(packet), packet));
            packets.clone().for_each(|(packet, _)| packet.fetch());
            for (triangles, packet) in packets {
                // What lies in or behind a closed surface is hidden by its side that
                // faces the view.
                if from_outside && instance.mesh.is_closed(packet) && picture.is_back(triangles) {
                    continue;
                }
                let facets = picture.facets(triangles);
                for cluster in &mut *clusters {
                    if cluster.ground.own() != Some(index) && !cluster.is_hidden() {
                        cluster.hide(&facets, limit);
                    }
                }
            }
        }
    }
}

impl View<'_> {
    /// What lines of sight run through from points between two places.
    fn region(self, low: Vec3A, high: Vec3A) -> Region {
        match self {
            Self::Eye(eye) => Region::frustum(eye, flat(low), flat(high), 1.0 / low.z),
            Self::Along(axes) => Region::ahead(*axes, low, high),
        }
    }

    /// The line of sight of a point.
    pub(super) fn ray(self, place: Vec3A) -> Ray {
        match self {
            Self::Eye(eye) => {
                let ray = eye.ray(flat(place));
                Ray::new(ray.origin, ray.direction, ray.tmin, 1.0 / place.z)
            }
            Self::Along([a, b, along]) => {
                let origin = place.x * *a + place.y * *b + place.z * *along;
                Ray::new(origin, *along, 0.0, f32::INFINITY)
            }
        }
    }

    /// Where to count columns, rows and nearness from.
    fn origin(self, low: Vec3A) -> Vec3A {
        match self {
            // One by the depth has no other zero.
            Self::Eye(_) => Vec3A::new(low.x, low.y, 0.0),
            Self::Along(_) => low,
        }
    }

    /// Whether lines of sight end outside of an instance.
    fn is_outside(self, tracer: &Tracer, index: u32) -> bool {
        match self {
            Self::Eye(eye) => tracer.is_outside(index, eye.center),
            Self::Along(_) => true,
        }
    }

    /// What is nearer than this hides nothing.
    fn limit(self) -> f32 {
        match self {
            Self::Eye(_) => 1.0 / NEAR_M,
            Self::Along(_) => f32::INFINITY,
        }
    }
}

/// A view in an instance's own space.
enum Picture {
    Eye(Lens),
    Along(Shaft),
}

impl Picture {
    fn new(view: View<'_>, origin: Vec3A, tracer: &Tracer, instance: &Instance) -> Self {
        match view {
            View::Eye(eye) => Self::Eye(lens(tracer, eye, flat(origin), instance)),
            View::Along(axes) => {
                let [a, b, along] = *axes;
                let place = origin.x * a + origin.y * b + origin.z * along;
                Self::Along(Shaft::new(
                    instance.local_place(place),
                    axes.map(|way| instance.local_way(way)),
                    [a, b].map(|row| instance.local_plane(row)),
                    1e-6 + 1e-6 * tracer.reach(),
                ))
            }
        }
    }

    /// Whether the view sees but the backs of triangles.
    #[inline(always)]
    fn is_back(&self, packet: &Packet) -> bool {
        match self {
            Self::Eye(lens) => packet.faces_away(lens),
            Self::Along(shaft) => packet.faces_against(shaft),
        }
    }

    #[inline(always)]
    fn facets(&self, packet: &Packet) -> Facets {
        match self {
            Self::Eye(lens) => packet.facets(lens),
            Self::Along(shaft) => packet.facets_along(shaft),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Simulator,
        camera::pixel_center,
        render::{BLOCK, Block, Shot},
    };

    /// What a view says of all points that a camera sees, and what rays say.
    fn compare(scene: &str, view: View<'_>, place: impl Fn(Vec3A, Vec3A) -> Option<Vec3A>) {
        let mut simulator = Simulator::of_scene(scene);
        let tracer = simulator.world.tracer();
        let eye = Eye::new(&simulator.cameras[0].now, 160, 120);
        let shot = Shot::take(&tracer, eye, Vec::new());
        let image = Block {
            x: 0..160,
            y: 0..120,
        };
        let (mut hidden, mut asked, mut differ) = (0, 0, 0);
        for area in image.split(2 * BLOCK) {
            let mut sight = Sight::default();
            let mut questions = Vec::new();
            for block in area.split(BLOCK) {
                sight.part();
                for (x, y) in block.pixels() {
                    let hit = shot.hit(x, y);
                    if hit.is_miss() {
                        continue;
                    }
                    let direction = eye.direction(pixel_center(x, y));
                    let normal = tracer.instance(hit).flat_normal(hit, direction);
                    let point = eye.center + direction * hit.t + normal * 1e-3;
                    let ground = Ground {
                        instance: hit.instance,
                        open: false,
                    };
                    if let Some(place) = place(point, normal) {
                        questions.push((sight.ask(ground, place), place));
                    }
                }
            }
            sight.look(&tracer, view);
            for (question, place) in questions {
                let by_ray = tracer.blocked(view.ray(place), None, &mut None);
                asked += 1;
                hidden += usize::from(by_ray);
                differ += usize::from(by_ray != sight.is_hidden(question));
            }
        }
        assert!(asked > 5000, "{scene}: {asked} asked");
        assert!(hidden * 30 > asked, "{scene}: {hidden} of {asked} hidden");
        // Only where a line of sight grazes an edge may rounding decide.
        assert!(differ * 2000 < asked, "{scene}: {differ} of {asked} differ");
    }

    #[test]
    fn towards_the_sun_it_says_what_rays_say() {
        let toward = Vec3A::new(-0.3, 0.5, 0.6).normalize();
        let (a, b) = toward.any_orthonormal_pair();
        let axes = [a, b, toward];
        for scene in ["shapes", "tabletop"] {
            compare(scene, View::Along(&axes), |point, normal| {
                let at = Vec3A::new(point.dot(a), point.dot(b), point.dot(toward));
                (normal.dot(toward) > 0.0).then_some(at)
            });
        }
    }

    #[test]
    fn from_another_eye_it_says_what_rays_say() {
        for (scene, from, to) in [
            ("shapes", (-420.0, 300.0, 200.0), (50.0, 0.0, 30.0)),
            ("tabletop", (-120.0, 90.0, 170.0), (0.0, 0.0, 80.0)),
        ] {
            let vec3 = |(x, y, z)| synthcap::Vec3::new(x, y, z);
            let pose = crate::camera::CameraPose {
                transform: synthcap::Transform::look_at(vec3(from), vec3(to)),
                intrinsics: synthcap::Intrinsics::from_horizontal_fov(90.0, 160, 120),
            };
            let eye = Eye::new(&pose, 160, 120);
            compare(scene, View::Eye(&eye), |point, normal| {
                let (at, depth) = eye.project(point)?;
                let faces = (eye.center - point).dot(normal) > 0.0;
                (faces && eye.contains(at)).then(|| at.extend(1.0 / depth).into())
            });
        }
    }
}
