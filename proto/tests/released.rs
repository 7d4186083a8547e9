//! The schema of today beside every schema that was released: an agent one version older or newer has to be understood.
//! So fields, values and methods may be added; none is removed, renumbered, renamed or given another type.
//!
//! A release adds its own: `DAICHO_RELEASE=0.2.0 cargo test -p daicho-proto --test released`, and a commit of the new file
//! in `schema/released`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn schema() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema")
}

/// Each thing that the other side may rely on, one line each, from the compiled descriptors.
fn promises(schema: &Path) -> BTreeSet<String> {
    let folder = schema.join("daicho/v1");
    let files: Vec<PathBuf> = fs::read_dir(&folder)
        .expect("the schema")
        .map(|entry| entry.expect("its entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "proto"))
        .collect();
    let descriptors = protox::compile(files, [schema]).expect("the schema compiles");
    let mut lines = BTreeSet::new();
    for file in &descriptors.file {
        let package = file.package();
        for message in &file.message_type {
            assert!(
                message.nested_type.is_empty(),
                "{}: nested messages are not compared here",
                message.name()
            );
            let name = format!("{package}.{}", message.name());
            lines.insert(format!("message {name}"));
            for field in &message.field {
                let kind = match field.type_name() {
                    "" => field.r#type().as_str_name(),
                    named => named,
                };
                let place = match (field.oneof_index, field.proto3_optional()) {
                    (Some(index), false) => {
                        let index = usize::try_from(index).expect("an index");
                        format!(" of {}", message.oneof_decl[index].name())
                    }
                    (_, true) => " optional".to_owned(),
                    (None, false) => String::new(),
                };
                let label = field.label().as_str_name();
                lines.insert(format!(
                    "field {name} {} {} {kind} {label}{place}",
                    field.number(),
                    field.name()
                ));
            }
        }
        for choice in &file.enum_type {
            for value in &choice.value {
                lines.insert(format!(
                    "value {package}.{} {} {}",
                    choice.name(),
                    value.number(),
                    value.name()
                ));
            }
        }
        for service in &file.service {
            for method in &service.method {
                let streams = (method.client_streaming(), method.server_streaming());
                lines.insert(format!(
                    "method {package}.{}/{} {} {} {streams:?}",
                    service.name(),
                    method.name(),
                    method.input_type(),
                    method.output_type()
                ));
            }
        }
    }
    lines
}

/// What was promised and is not kept.
fn broken(released: &str, today: &BTreeSet<String>) -> Vec<String> {
    released.lines().filter(|line| !today.contains(*line)).map(str::to_owned).collect()
}

#[test]
fn whatever_was_released_still_holds() {
    let today = promises(&schema());
    let folder = schema().join("released");
    if let Ok(version) = std::env::var("DAICHO_RELEASE") {
        let text: String = today.iter().map(|line| format!("{line}\n")).collect();
        fs::write(folder.join(format!("{version}.txt")), text).expect("the checkout can be written");
    }
    let mut compared = 0;
    for entry in fs::read_dir(&folder).expect("schema/released") {
        let path = entry.expect("its entry").path();
        let released = fs::read_to_string(&path).expect("a text");
        assert!(released.lines().count() > 300, "{} holds the whole schema", path.display());
        let broken = broken(&released, &today);
        assert!(
            broken.is_empty(),
            "an agent or collector of {} would not be understood; keep these as they were and add beside them:\n  {}",
            path.display(),
            broken.join("\n  ")
        );
        compared += 1;
    }
    assert!(compared > 0, "no released schema to compare with");
}

#[test]
fn each_kind_of_break_is_seen() {
    let today = promises(&schema());
    let released: String = today.iter().map(|line| format!("{line}\n")).collect();
    assert_eq!(broken(&released, &today), Vec::<String>::new());
    let field = "field daicho.v1.ReportRequest 1 incarnation TYPE_UINT64 LABEL_OPTIONAL";
    assert!(today.contains(field), "{today:#?}");
    for change in [
        field.replace(" 1 ", " 9 "),
        field.replace("UINT64", "INT64"),
        field.replace("incarnation", "life"),
        field.replace("LABEL_OPTIONAL", "LABEL_REPEATED"),
        format!("{field} optional"),
    ] {
        let changed: BTreeSet<String> =
            today.iter().map(|line| if line == field { change.clone() } else { line.clone() }).collect();
        assert_eq!(broken(&released, &changed), [field], "{change}");
    }
    let mut more = today.clone();
    more.insert("field daicho.v1.ReportRequest 99 more TYPE_STRING LABEL_OPTIONAL".to_owned());
    assert_eq!(broken(&released, &more), Vec::<String>::new(), "what is added breaks nothing");
}
