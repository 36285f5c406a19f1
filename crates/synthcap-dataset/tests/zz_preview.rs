mod common;
use synthcap_dataset::*;
#[test]
fn make() {
    let plan = common::plan(&["main"], 640, 480, 8);
    let out = std::path::Path::new("/tmp/prev-demo");
    let mut o = Options::default();
    o.existing = Existing::Replace;
    let mut w = DatasetWriter::create(out, plan.clone(), Box::new(Frames::new()), o).unwrap();
    for i in 0..8 {
        w.push(common::sample(&plan, i)).unwrap();
    }
    println!("{:?}", w.finish().unwrap());
}
