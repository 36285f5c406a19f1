//! The objects that a job may vary.

use synthcap::ObjectState;

use crate::{Job, classes};

/// Things that can move; what a scene is about. Floors and walls are not, nor is what
/// the job itself has strewn about.
pub(super) fn movable(objects: &[ObjectState]) -> Vec<&ObjectState> {
    let things = objects.iter().filter(|object| object.dynamic);
    things
        .filter(|o| !classes::is_distractor(&o.label))
        .collect()
}

/// Those of some classes; of any when none is named.
pub(super) fn of_classes<'a>(
    things: &[&'a ObjectState],
    classes: &[String],
) -> Vec<&'a ObjectState> {
    let wanted = |o: &&&ObjectState| classes.is_empty() || classes.contains(&o.label.class_name);
    things.iter().filter(wanted).copied().collect()
}

/// A class that the job names and the scene lacks: the key that names it, and what
/// to say of it.
pub fn missing_class(job: &Job, objects: &[ObjectState]) -> Option<(String, String)> {
    let things = movable(objects);
    let mut named = Vec::new();
    let wish = &job.randomize;
    let lists = [
        ("materials", wish.materials.as_ref().map(|m| &m.classes)),
        ("poses", wish.poses.as_ref().map(|p| &p.classes)),
        ("objects", wish.objects.as_ref().map(|o| &o.classes)),
    ];
    for (part, list) in lists {
        for (i, class) in list.into_iter().flatten().enumerate() {
            named.push((format!("randomize.{part}.classes.{i}"), class));
        }
    }
    for (i, camera) in job.cameras.iter().enumerate() {
        let class = camera.look_at.as_ref().and_then(|look| look.class.as_ref());
        named.extend(class.map(|class| (format!("cameras.{i}.look_at.class"), class)));
    }
    let mut known: Vec<_> = things.iter().map(|o| o.label.class_name.as_str()).collect();
    known.sort_unstable();
    known.dedup();
    let (key, class) = named
        .into_iter()
        .find(|(_, class)| !known.contains(&class.as_str()))?;
    let known = known.join(", ");
    let what = format!("the scene has nothing movable of the class {class:?}; it has {known}");
    Some((key, what))
}
