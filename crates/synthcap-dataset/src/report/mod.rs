//! `report.html`: one page that shows what a set holds, without anything from
//! elsewhere.

mod chart;
mod picture;

use std::{collections::BTreeMap, fmt::Write as _, fs, io, path::Path};

use crate::{
    Error, Records, Result, SampleRecord,
    journal::Mark,
    record,
    staging::put_whole,
    validate::{container::Container, image::Array},
};

pub(crate) const FILE_NAME: &str = "report.html";

/// Samples on the contact sheet.
const SHOWN: u64 = 8;
/// Samples whose depth pixels are counted.
const DEPTH_SAMPLES: u64 = 32;

/// Writes a page about a finished set: contact sheets, classes, sizes, visibility,
/// depths and where the cameras were. A page that stands there stays until the new one
/// is whole, which is written beside it.
///
/// # Errors
///
/// When the set cannot be read, or the page not written.
pub fn write_report(root: impl AsRef<Path>, page: impl AsRef<Path>) -> Result<()> {
    let (root, page) = (root.as_ref(), page.as_ref());
    let several = fs::read_dir(root).ok().into_iter().flatten().flatten();
    let mut inside: Vec<_> = several
        .map(|entry| entry.path().join(record::FILE_NAME))
        .filter(|path| path.exists())
        .collect();
    inside.sort();
    let own = root.join(record::FILE_NAME);
    let records = if own.exists() {
        Some(own)
    } else {
        inside.into_iter().next()
    };
    let records = records.unwrap_or_else(|| root.join(record::FILE_NAME));
    let title = root.file_name().unwrap_or_default().to_string_lossy();
    let text = render(&records, &title, &[])?;
    put(page, text.as_bytes()).map_err(|e| Error::io("write", page, e))
}

/// Puts a page where the user wants it. A link to one stays a link, and what is no file,
/// such as a pipe, is written to as it is, as is a page in a folder that takes no others.
fn put(page: &Path, text: &[u8]) -> io::Result<()> {
    match fs::metadata(page) {
        Ok(there) if there.is_file() => match put_whole(&fs::canonicalize(page)?, &[text]) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => fs::write(page, text),
            put => put,
        },
        Ok(_) => fs::write(page, text),
        Err(_) => put_whole(page, &[text]),
    }
}

/// What the charts are of.
#[derive(Debug, Default)]
struct Gathered {
    samples: u64,
    /// Labels and pixels by class.
    classes: BTreeMap<String, (u64, u64)>,
    /// Roots of box areas, pixels.
    sizes: Vec<f64>,
    visibility: Vec<f64>,
    depths_m: Vec<f64>,
    /// Ground plan, metres.
    cameras: Vec<[f64; 2]>,
    splits: BTreeMap<String, u64>,
    /// By view and modality: number of the sample and picture.
    sheets: BTreeMap<(String, String), Vec<(u64, String)>>,
}

/// The page of the set whose records lie there; its files lie beside them. Marks tell
/// how far it was at which time.
pub(crate) fn render(records: &Path, title: &str, marks: &[Mark]) -> Result<String> {
    let records = Records::at(records);
    let folder = records.path().parent().unwrap_or(Path::new("")).to_owned();
    let mut count: u64 = 0;
    for record in records.read()? {
        record?;
        count += 1;
    }
    let mut gathered = Gathered::default();
    let mut shards = Shards::default();
    for record in records.read()? {
        let record = record?;
        let place = gathered.samples;
        gathered.add(&record);
        let every = |parts: u64| place.is_multiple_of(count.div_ceil(parts).max(1));
        if every(SHOWN) || every(DEPTH_SAMPLES) {
            gathered.show(&record, &folder, &mut shards, every(SHOWN));
        }
    }
    Ok(gathered.page(title, marks))
}

/// The container that was read last.
#[derive(Debug, Default)]
struct Shards(Option<(String, Container)>);

impl Shards {
    fn content(
        &mut self,
        folder: &Path,
        record: &SampleRecord,
        file: &crate::FileRecord,
    ) -> Option<Vec<u8>> {
        let Some(shard) = &record.shard else {
            return fs::read(folder.join(&file.path)).ok();
        };
        if self.0.as_ref().is_none_or(|(open, _)| open != shard) {
            let container = Container::open(&folder.join(shard)).ok()?;
            self.0 = Some((shard.clone(), container));
        }
        self.0
            .as_ref()
            .and_then(|(_, container)| container.get(file))
    }
}

impl Gathered {
    fn add(&mut self, record: &SampleRecord) {
        self.samples += 1;
        if let Some(split) = record.split() {
            *self.splits.entry(split.to_owned()).or_default() += 1;
        }
        for object in &record.objects {
            for view in object.views.iter().filter(|view| view.visible_pixels > 0) {
                let class = self.classes.entry(object.class_name.clone()).or_default();
                class.0 += 1;
                class.1 += u64::from(view.visible_pixels);
                if let Some([x0, y0, x1, y1]) = view.visible_box {
                    self.sizes.push(((x1 - x0) * (y1 - y0)).sqrt());
                }
                self.visibility.extend(view.visibility);
            }
        }
        for pose in record
            .views
            .iter()
            .filter_map(|v| v.camera_to_world_opencv.as_ref())
        {
            self.cameras.push([pose[0][3].0, pose[1][3].0]);
        }
    }

    fn show(&mut self, record: &SampleRecord, folder: &Path, shards: &mut Shards, on_sheet: bool) {
        for view in &record.views {
            for (modality, file) in &view.files {
                let content = shards.content(folder, record, file);
                let Some(Ok(Some(array))) = content.map(|content| Array::read(&content)) else {
                    continue;
                };
                if let ("depth", Some(metres)) = (modality.as_str(), array.floats(1)) {
                    // A fifth of the pixels says as much.
                    let some = metres.iter().step_by(5).filter(|z| z.is_finite());
                    self.depths_m.extend(some.map(|z| f64::from(*z)));
                }
                let picture = picture::thumbnail(modality, &array).filter(|_| on_sheet);
                if let Some(picture) = picture {
                    let sheet = (view.camera.clone(), modality.clone());
                    self.sheets
                        .entry(sheet)
                        .or_default()
                        .push((record.index, picture));
                }
            }
        }
    }

    fn page(&self, title: &str, marks: &[Mark]) -> String {
        let mut page = String::from(HEAD);
        let title = escaped(title);
        let _ = write!(
            page,
            "<title>{title}</title><h1>{title}</h1><p>{} samples",
            self.samples
        );
        for (split, count) in &self.splits {
            let _ = write!(page, ", {count} {}", escaped(split));
        }
        page.push_str("</p>");
        for ((camera, modality), pictures) in &self.sheets {
            let _ = write!(
                page,
                "<h2>{} of {}</h2><div class=sheet>",
                escaped(modality),
                escaped(camera)
            );
            for (index, uri) in pictures {
                let _ = write!(
                    page,
                    "<figure><img src=\"{uri}\" alt=\"sample {index}\"><figcaption>#{index}</figcaption></figure>"
                );
            }
            page.push_str("</div>");
        }
        page.push_str("<div class=charts>");
        let mut classes: Vec<_> = self.classes.iter().collect();
        classes.sort_by_key(|(_, (labels, _))| std::cmp::Reverse(*labels));
        let bars: Vec<_> = classes
            .iter()
            .map(|(name, (labels, _))| (name.as_str(), *labels as f64))
            .collect();
        page.push_str(&chart::bars("Labels per class", &bars));
        let bars: Vec<_> = classes
            .iter()
            .map(|(name, (_, pixels))| (name.as_str(), *pixels as f64))
            .collect();
        page.push_str(&chart::bars("Pixels per class", &bars));
        for (heading, unit, values) in [
            (
                "Size of visible boxes",
                "root of the area, pixels",
                &self.sizes,
            ),
            (
                "Visibility",
                "share of the object that is seen",
                &self.visibility,
            ),
            (
                "Depth",
                "metres, a fifth of the pixels of up to 32 samples",
                &self.depths_m,
            ),
        ] {
            page.push_str(&chart::histogram(heading, unit, values));
        }
        page.push_str(&chart::plan(
            "Camera positions",
            "from above, metres: X to the right, Y up",
            &self.cameras,
        ));
        let rates: Vec<_> = rates(marks);
        page.push_str(&chart::line(
            "Rate over time",
            "samples per second, over seconds",
            &rates,
        ));
        page.push_str("</div></html>\n");
        page
    }
}

/// Samples per second from each mark to the next, as steps over seconds.
fn rates(marks: &[Mark]) -> Vec<[f64; 2]> {
    let mut steps = Vec::new();
    let (mut since, mut done) = (0, 0);
    for mark in marks {
        if mark.at_ms <= since {
            continue;
        }
        let samples = mark.next.saturating_sub(done) as f64;
        let [from, to] = [since, mark.at_ms].map(|ms| ms as f64 / 1000.0);
        let rate = samples / (to - from);
        steps.extend([[from, rate], [to, rate]]);
        (since, done) = (mark.at_ms, mark.next);
    }
    steps
}

/// Text that may come from a simulator.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            c => safe.push(c),
        }
    }
    safe
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8>\
<meta name=viewport content=\"width=device-width\"><style>\
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1200px;padding:0 1rem;color:#222;background:#fafafa}\
h1{margin-bottom:0}h2{margin:1.6rem 0 .4rem;font-size:1.1rem}\
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(180px,1fr));gap:8px}\
figure{margin:0}figure img{width:100%;border-radius:4px;display:block}figcaption{color:#777;font-size:12px}\
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(460px,1fr));gap:16px;margin-top:1.6rem}\
.chart{background:#fff;border:1px solid #e3e3e3;border-radius:6px;padding:12px}\
.chart h2{margin:0}.chart p{margin:0;color:#777;font-size:12px}svg{width:100%;height:auto}\
text{font:11px system-ui,sans-serif;fill:#444}</style>";
