//! Rigid bodies.

use glam::{Quat, Vec3};
use rapier3d::prelude::{
    Collider as Shape, ColliderBuilder, PhysicsWorld, Pose, RigidBodyBuilder, RigidBodyHandle,
    RigidBodyType, Rotation, Vector,
};

use crate::mesh::{Collider, Mesh};

/// Metres per second squared, downward.
const GRAVITY: f32 = 9.81;
/// Things of the scenes are around 10 cm; the solver's tolerances follow it.
const LENGTH_UNIT_M: f32 = 0.1;
/// Where falling ends, for whatever leaves the floor; metres.
const ABYSS_Z: f32 = -20.0;
/// The least thickness of a collider; metres.
const MIN_HALF_EXTENT: f32 = 0.001;

/// How an object moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mobility {
    /// Only by command.
    Fixed,
    /// Along a path of its own, pushing others.
    Kinematic,
    /// By gravity and contact.
    Dynamic,
}

/// A body; handed out by [`Physics::add`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Body(RigidBodyHandle);

/// All bodies. The order of calls decides the outcome, and nothing else does.
pub(crate) struct Physics {
    world: PhysicsWorld,
}

fn pose(position: Vec3, turn: Quat) -> Pose {
    Pose::from_parts(
        Vector::from(position.to_array()),
        Rotation::from_array(turn.to_array()),
    )
}

impl Physics {
    /// No bodies; `step_s` is the length of a step in seconds.
    pub(crate) fn new(step_s: f32) -> Self {
        let mut world = PhysicsWorld::new();
        world.gravity = Vector::new(0.0, 0.0, -GRAVITY);
        world.integration_parameters.dt = step_s;
        world.integration_parameters.length_unit = LENGTH_UNIT_M;
        let abyss = ColliderBuilder::cuboid(1e4, 1e4, 1.0).translation(Vector::new(
            0.0,
            0.0,
            ABYSS_Z - 1.0,
        ));
        world.insert(RigidBodyBuilder::fixed(), abyss);
        Self { world }
    }

    /// Adds a body in the shape of a mesh under a scale.
    pub(crate) fn add(
        &mut self,
        mesh: &Mesh,
        mobility: Mobility,
        position: Vec3,
        turn: Quat,
        scale: Vec3,
    ) -> Body {
        let kind = match mobility {
            Mobility::Fixed => RigidBodyType::Fixed,
            Mobility::Kinematic => RigidBodyType::KinematicPositionBased,
            Mobility::Dynamic => RigidBodyType::Dynamic,
        };
        let builder = RigidBodyBuilder::new(kind)
            .pose(pose(position, turn))
            // Round things come to rest.
            .angular_damping(2.0)
            .linear_damping(0.1);
        let handle = self.world.insert_body(builder);
        for part in mesh.colliders() {
            let shape = shape(part, scale);
            self.world.insert_collider(shape, Some(handle));
        }
        Body(handle)
    }

    /// Removes a body; those that lay on it wake up.
    pub(crate) fn remove(&mut self, body: Body) {
        self.world.remove_body(body.0);
    }

    /// Puts a body somewhere else, at rest.
    pub(crate) fn place(&mut self, body: Body, position: Vec3, turn: Quat) {
        if let Some(rigid) = self.world.bodies.get_mut(body.0) {
            rigid.set_position(pose(position, turn), true);
            rigid.set_linvel(Vector::ZERO, true);
            rigid.set_angvel(Vector::ZERO, true);
        }
    }

    /// Where a kinematic body shall be after the next step.
    pub(crate) fn drive(&mut self, body: Body, position: Vec3, turn: Quat) {
        if let Some(rigid) = self.world.bodies.get_mut(body.0) {
            rigid.set_next_kinematic_position(pose(position, turn));
        }
    }

    /// Where a body is, or `None` while it sleeps.
    pub(crate) fn moved(&self, body: Body) -> Option<(Vec3, Quat)> {
        let awake = !self.world.bodies.get(body.0)?.is_sleeping();
        self.pose(body).filter(|_| awake)
    }

    /// Where a body is.
    pub(crate) fn pose(&self, body: Body) -> Option<(Vec3, Quat)> {
        let pose = self.world.bodies.get(body.0)?.position();
        Some((
            Vec3::from_array(pose.translation.to_array()),
            Quat::from_array(pose.rotation.to_array()),
        ))
    }

    /// Advances by one step.
    pub(crate) fn step(&mut self) {
        self.world.step();
    }

    /// Lets everything fall and come to rest, for at most `max_steps` steps.
    pub(crate) fn settle(&mut self, max_steps: usize) {
        /// Steps without motion after which nothing will move any more.
        const STILL_STEPS: usize = 12;
        let mut still = 0;
        for _ in 0..max_steps {
            self.world.step();
            let moving = self.world.rigid_bodies().any(|(_, body)| {
                body.is_dynamic()
                    && (body.linvel().length() > 0.01 || body.angvel().length() > 0.15)
            });
            still = if moving { 0 } else { still + 1 };
            if still == STILL_STEPS {
                break;
            }
        }
        for (_, body) in self.world.rigid_bodies_mut() {
            if body.is_dynamic() {
                body.sleep();
            }
        }
    }
}

impl std::fmt::Debug for Physics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Physics({} bodies)", self.world.bodies.len())
    }
}

fn shape(part: &Collider, scale: Vec3) -> Shape {
    let size = scale.abs();
    let even = size.max_element() - size.min_element() < 1e-4 * size.max_element();
    let builder = match part {
        Collider::Ball { radius } if even => ColliderBuilder::ball(radius * size.x),
        Collider::Ball { radius } => hull(&ball_points(*radius), scale),
        Collider::Block {
            center,
            half_extent,
        } => block(*center * scale, *half_extent * size),
        Collider::Hull(points) => hull(points, scale),
    };
    builder
        .friction(0.7)
        .restitution(0.05)
        .density(700.0)
        .build()
}

fn block(center: Vec3, half_extent: Vec3) -> ColliderBuilder {
    let half = half_extent.max(Vec3::splat(MIN_HALF_EXTENT));
    ColliderBuilder::cuboid(half.x, half.y, half.z).translation(Vector::from(center.to_array()))
}

/// The hull of scaled points, or their box when they span no volume.
fn hull(points: &[Vec3], scale: Vec3) -> ColliderBuilder {
    let scaled: Vec<Vec3> = points.iter().map(|p| *p * scale).collect();
    let low = scaled.iter().fold(Vec3::INFINITY, |a, p| a.min(*p));
    let high = scaled.iter().fold(Vec3::NEG_INFINITY, |a, p| a.max(*p));
    let half = (high - low) / 2.0;
    if half.min_element() > MIN_HALF_EXTENT {
        let points: Vec<Vector> = scaled.iter().map(|p| Vector::from(p.to_array())).collect();
        if let Some(builder) = ColliderBuilder::convex_hull(&points) {
            return builder;
        }
    }
    block(low + half, half)
}

/// Points all over a ball.
fn ball_points(radius: f32) -> Vec<Vec3> {
    const GOLDEN_ANGLE: f32 = 2.399_963;
    const COUNT: usize = 96;
    (0..COUNT)
        .map(|i| {
            let z = 1.0 - (2.0 * i as f32 + 1.0) / COUNT as f32;
            let ring = (1.0 - z * z).sqrt();
            let (sin, cos) = (i as f32 * GOLDEN_ANGLE).sin_cos();
            radius * Vec3::new(ring * cos, ring * sin, z)
        })
        .collect()
}
