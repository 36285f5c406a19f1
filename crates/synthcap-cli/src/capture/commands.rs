//! Commands of a job as requests of a batch.

use synthcap::{Batch, Client, Command, Lens};

use crate::exit::{Failure, Result, Stop};

/// Adds a command to a batch.
///
/// # Errors
///
/// For a command that jobs don't give.
pub(super) fn add(batch: &mut Batch, client: &Client, command: &Command) -> Result<()> {
    match command.clone() {
        Command::SetEnvironment(environment) => {
            batch.add(client.set_environment(environment));
        }
        Command::SetLighting(light) => {
            batch.add(client.set_light(light));
        }
        Command::SetMaterial {
            object,
            property,
            value,
        } => {
            batch.add(client.object(object).set_material(property, value));
        }
        Command::SetObjectTransform { object, transform } => {
            batch.add(client.object(object).set_transform(transform));
        }
        Command::SpawnObject {
            object,
            asset,
            transform,
        } => {
            batch.add(client.object(object).spawn(asset, transform));
        }
        Command::DestroyObject { object } => {
            batch.add(client.object(object).destroy());
        }
        Command::SetIntrinsics {
            camera,
            lens: Lens::HorizontalFov(degrees),
        } => {
            batch.add(client.camera(&camera).set_fov(degrees));
        }
        Command::Step { ticks } => {
            batch.add(client.step(ticks));
        }
        other => {
            let line = format!("a job gave the command {}", other.name());
            return Err(Stop::new(Failure::Internal, line));
        }
    }
    Ok(())
}
