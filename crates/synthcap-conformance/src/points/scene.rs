//! Objects: who they are, where they are, and that labels agree.

use std::collections::HashMap;

use synthcap::{Capability, CaptureSet, Modality, ObjectState, SceneQuery};

use super::point;
use crate::{
    bench::Bench,
    point::{Flaw, Outcome, Point, ensure},
};

pub(super) fn points() -> Vec<Point> {
    vec![
        point!(
            Extended,
            "scene.ids",
            ids,
            "objects have IDs from 1, names and classes, none twice"
        ),
        point!(
            Extended,
            "scene.labels",
            labels,
            "every ID of a segmentation is labelled as the scene has it"
        ),
        point!(
            Extended,
            "scene.boxes",
            boxes,
            "2D boxes and pixel counts are those of the segmentation"
        ),
        point!(
            Extended,
            "scene.filter",
            filter,
            "a query by name or class brings those and no others"
        ),
        point!(
            Extended,
            "scene.moved",
            moved,
            "an object that is moved is there in the scene and in its box"
        ),
    ]
}

async fn objects(bench: &Bench) -> Outcome<Vec<ObjectState>> {
    bench.needs(Capability::Scene)?;
    let scene = bench.client.scene(SceneQuery::default()).await?;
    if scene.value.objects.is_empty() {
        return Err(Flaw::not_judged("the scene has no objects"));
    }
    Ok(scene.value.objects)
}

async fn ids(bench: &mut Bench) -> Outcome {
    let objects = objects(bench).await?;
    let mut names = HashMap::new();
    let mut classes: HashMap<u32, &str> = HashMap::new();
    let mut last = 0;
    for object in &objects {
        let label = &object.label;
        let text = format!("{:?} with ID {}", label.object.as_str(), label.instance_id);
        ensure(
            label.instance_id > last,
            "instance IDs from 1, in order",
            || text.clone(),
        )?;
        last = label.instance_id;
        let twice = names.insert(label.object.as_str(), ()).is_some();
        ensure(
            !twice && !label.object.as_str().is_empty(),
            "names, each once",
            || text.clone(),
        )?;
        ensure(label.class_id > 0, "class IDs from 1", || text.clone())?;
        let class = classes.entry(label.class_id).or_insert(&label.class_name);
        ensure(
            *class == label.class_name,
            "one name for each class ID",
            || {
                format!(
                    "{class:?} and {:?} for {}",
                    label.class_name, label.class_id
                )
            },
        )?;
    }
    Ok(())
}

async fn labels(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Segmentation])?;
    let known = objects(bench).await?;
    let shot = bench
        .shoot(bench.home, Modality::Segmentation.into())
        .await?;
    let Some(segmentation) = shot.segmentation() else {
        return Err(Flaw::failed("a segmentation", "none"));
    };
    let mut present: Vec<u32> = segmentation.ids().to_vec();
    present.sort_unstable();
    present.dedup();
    for id in present.into_iter().filter(|id| *id != 0) {
        let label = segmentation.label(id);
        let wanted = known.iter().map(|o| &o.label).find(|l| l.instance_id == id);
        ensure(
            label == wanted && label.is_some(),
            format!("ID {id} to be labelled as the scene has it, {wanted:?}"),
            || format!("{label:?}"),
        )?;
    }
    Ok(())
}

async fn boxes(bench: &mut Bench) -> Outcome {
    bench.needs_images(&[Modality::Segmentation])?;
    bench.needs(Capability::Scene)?;
    bench.needs(Capability::Boxes2d)?;
    bench.camera().set_transform(bench.home).await?;
    let set = CaptureSet {
        include_scene: true,
        ..bench.set(Modality::Segmentation.into())
    };
    let set = bench.client.capture_set(set).await?;
    let scene = set
        .scene
        .ok_or_else(|| Flaw::failed("the scene with the set", "none"))?;
    let frame = set.frames.first().map(|frame| frame.pixels().clone());
    let Some(synthcap::Pixels::Segmentation(ids)) = frame else {
        return Err(Flaw::failed("a segmentation", "another image"));
    };
    for object in &scene.objects {
        let name = object.label.object.as_str();
        let view = object.views.first();
        let view = view.ok_or_else(|| {
            Flaw::failed(format!("what the view sees of {name:?}"), "nothing said")
        })?;
        let seen = extent(&ids, object.label.instance_id, bench.size.0);
        let count = seen.map_or(0, |(_, count)| count);
        ensure(
            view.visible_pixels == count,
            format!("{count} visible pixels of {name:?}, as labelled"),
            || view.visible_pixels.to_string(),
        )?;
        let stated = view
            .visible_box
            .map(|b| [b.x_min, b.y_min, b.x_max, b.y_max]);
        let wanted = seen.map(|(extent, _)| extent);
        ensure(
            stated == wanted,
            format!("the box {wanted:?} around {name:?}"),
            || format!("{stated:?}"),
        )?;
        ensure(
            (0.0..=1.0).contains(&view.visibility),
            "a visibility from 0 to 1",
            || format!("{} of {name:?}", view.visibility),
        )?;
    }
    Ok(())
}

/// The box around an ID's pixels, and how many there are; `None` of none.
fn extent(ids: &synthcap::frame::Segmentation, id: u32, width: u32) -> Option<([f32; 4], u32)> {
    let (mut low, mut high, mut count) = ([u32::MAX; 2], [0u32; 2], 0);
    for (index, _) in ids
        .ids()
        .iter()
        .enumerate()
        .filter(|(_, found)| **found == id)
    {
        let at = [index as u32 % width, index as u32 / width];
        for axis in 0..2 {
            low[axis] = low[axis].min(at[axis]);
            high[axis] = high[axis].max(at[axis] + 1);
        }
        count += 1;
    }
    let numbers = [low[0], low[1], high[0], high[1]].map(|n| n as f32);
    (count > 0).then_some((numbers, count))
}

async fn filter(bench: &mut Bench) -> Outcome {
    let all = objects(bench).await?;
    let one = &all[all.len() / 2].label;
    let query = SceneQuery {
        objects: vec![one.object.clone()],
        ..SceneQuery::default()
    };
    let found = bench.client.scene(query).await?.value.objects;
    let names: Vec<_> = found.iter().map(|o| o.label.object.as_str()).collect();
    ensure(
        names == [one.object.as_str()],
        format!("{:?} alone", one.object.as_str()),
        || format!("{names:?}"),
    )?;
    let of_class = |o: &&ObjectState| o.label.class_name == one.class_name;
    let wanted = all.iter().filter(of_class).count();
    let found = bench
        .client
        .find_by_class(&one.class_name)
        .await?
        .value
        .objects;
    let right = found.iter().filter(of_class).count();
    ensure(
        right == wanted && found.len() == wanted,
        format!("{wanted} of class {:?}", one.class_name),
        || format!("{right}, and {} others", found.len() - right),
    )
}

async fn moved(bench: &mut Bench) -> Outcome {
    bench.needs(Capability::Objects)?;
    let all = objects(bench).await?;
    let Some(one) = all.iter().find(|object| object.dynamic) else {
        return Err(Flaw::not_judged("no object of the scene is dynamic"));
    };
    let object = bench.client.object(one.label.object.as_str());
    let home = one.transform;
    let mut there = home.location;
    there.z += 9.0;
    object.set_location(there).await?;
    let found = object.state().await?.value;
    object.set_location(home.location).await?;
    let rise = found.transform.location.z - home.location.z;
    let lifted = found.box_3d.center.z - one.box_3d.center.z;
    let right = (rise - 9.0).abs() < 0.05 && (lifted - 9.0).abs() < 0.1;
    ensure(right, "an object and its box 9 cm higher", || {
        format!("the object {rise:.2} cm higher, its box {lifted:.2} cm")
    })
}
