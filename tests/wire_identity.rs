//! Our schema is the contract of UESynth plus additions that its peers skip.

use std::{collections::BTreeMap, path::Path};

/// The first number that is ours.
const OURS: i32 = 1000;

/// Everything that decides what goes over the wire, by its full name.
#[derive(Debug, Default)]
struct Schema {
    package: String,
    /// `message.field` to (number, type, label, type name, oneof).
    fields: BTreeMap<String, (i32, String)>,
    messages: Vec<String>,
    /// `service.method` to its types and streaming.
    methods: BTreeMap<String, String>,
}

fn schema(folder: &str) -> Schema {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let set = protox::compile(["uesynth.proto"], [root]).expect("the schema compiles");
    let mut files = set.file.into_iter();
    let file = files
        .find(|file| file.name() == "uesynth.proto")
        .expect("it was compiled");
    assert_eq!(file.syntax(), "proto3");
    let mut schema = Schema {
        package: file.package().to_owned(),
        ..Schema::default()
    };
    for message in &file.message_type {
        schema.messages.push(message.name().to_owned());
        assert!(message.nested_type.is_empty(), "nothing is nested");
        for field in &message.field {
            let oneof = field.oneof_index.map(|index| {
                let oneof = &message.oneof_decl[index as usize];
                oneof.name().to_owned()
            });
            let shape = format!(
                "{:?} {:?} {} oneof {oneof:?} optional {}",
                field.r#type(),
                field.label(),
                field.type_name(),
                field.proto3_optional()
            );
            let name = format!("{}.{}", message.name(), field.name());
            schema.fields.insert(name, (field.number(), shape));
        }
    }
    for service in &file.service {
        for method in &service.method {
            let name = format!("{}.{}", service.name(), method.name());
            let shape = format!(
                "{}({} stream {}) returns ({} stream {})",
                method.name(),
                method.input_type(),
                method.client_streaming(),
                method.output_type(),
                method.server_streaming()
            );
            schema.methods.insert(name, shape);
        }
    }
    schema
}

#[test]
fn all_of_the_contract_is_ours_unchanged() {
    let (contract, ours) = (schema("crates/uesynth-contract/proto"), schema("proto"));
    assert_eq!(contract.package, ours.package);
    for message in &contract.messages {
        assert!(ours.messages.contains(message), "{message} is missing");
    }
    for (name, shape) in &contract.fields {
        assert_eq!(ours.fields.get(name), Some(shape), "{name}");
    }
    for (name, shape) in &contract.methods {
        assert_eq!(ours.methods.get(name), Some(shape), "{name}");
    }
    // The contract's own size, so that an emptied file does not pass.
    assert_eq!(contract.messages.len(), 22);
    assert_eq!(contract.fields.len(), 72);
    assert_eq!(contract.methods.len(), 18);
    let actions = contract.fields.iter();
    let actions = actions.filter(|(_, (_, shape))| shape.contains("Some(\"action\")"));
    assert_eq!(actions.count(), 17);
}

#[test]
fn what_we_add_has_numbers_that_old_peers_skip() {
    let (contract, ours) = (schema("crates/uesynth-contract/proto"), schema("proto"));
    for (name, (number, _)) in &ours.fields {
        let message = name.split('.').next().unwrap_or_default().to_owned();
        if contract.messages.contains(&message) && !contract.fields.contains_key(name) {
            assert!(*number >= OURS, "{name} = {number} is in UESynth's range");
        }
    }
    let services: Vec<_> = ours
        .methods
        .keys()
        .map(|name| name.split('.').next())
        .collect();
    assert!(services.iter().all(|name| *name == Some("UESynthService")));
}
