//! The register of contracts: what scripts and other programs may rely on, written from the code
//! into `docs/reference/contracts`, and kept equal to it by a test of each program.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, generate::SchemaSettings};
use serde_json::Value;

use crate::env::{self, VARIABLES};
use crate::status::Statuses;

/// A JSON document that a program writes.
#[derive(Debug)]
pub struct Document {
    /// A name for its schema's file, which begins with the program's name.
    pub name: &'static str,
    /// The command that writes it.
    pub command: &'static str,
    pub schema: Schema,
}

impl Document {
    /// The document whose shape is `T`, as it is written.
    pub fn of<T: JsonSchema>(name: &'static str, command: &'static str) -> Self {
        let generator = SchemaSettings::draft2020_12()
            .for_serialize()
            .into_generator();
        let mut schema = generator.into_root_schema_for::<T>();
        schema.insert("title".to_owned(), command.into());
        Self {
            name,
            command,
            schema,
        }
    }
}

/// Everything that one program promises.
#[derive(Debug)]
pub struct Program {
    pub name: &'static str,
    pub statuses: &'static [Statuses],
    pub documents: Vec<Document>,
    /// More sections of its page: a title, and text.
    pub sections: Vec<(&'static str, String)>,
}

impl Program {
    /// The program's files below the register's folder.
    fn files(&self) -> BTreeMap<PathBuf, String> {
        let mut files = BTreeMap::from([(format!("{}.md", self.name).into(), self.page())]);
        for document in &self.documents {
            let mut text = format!("{:#}", document.schema.as_value());
            text.push('\n');
            files.insert(schema_file(document.name), text);
        }
        files
    }

    fn page(&self) -> String {
        let mut text = format!(
            "# Contracts of {}\n\nThis page is written from the code: see [the register](README.md).\n",
            self.name
        );
        // Writing to a String cannot fail.
        text.push_str("\n## Exit statuses\n\n| command | status | meaning |\n|---|---|---|\n");
        for statuses in self.statuses {
            for status in statuses.all {
                let _ = writeln!(
                    text,
                    "| {} | {} | {} |",
                    statuses.of, status.code, status.meaning
                );
            }
        }
        text.push_str("\n## JSON documents\n\n| command | schema |\n|---|---|\n");
        for Document { name, command, .. } in &self.documents {
            let _ = writeln!(
                text,
                "| `{command}` | [{name}](schemas/{name}.schema.json) |"
            );
        }
        text.push_str("\n## Environment variables\n\n| variable | what it does |\n|---|---|\n");
        for variable in VARIABLES.iter().filter(|v| v.program == self.name) {
            let _ = writeln!(text, "| `{}` | {} |", variable.name, variable.meaning);
        }
        for (title, section) in &self.sections {
            let _ = write!(text, "\n## {title}\n\n{section}");
        }
        text
    }

    /// Compares the program's part of the register in `folder` with the code, or writes it:
    /// gives what differs.
    fn keep(&self, folder: &Path, bless: bool) -> Vec<String> {
        let mut wanted = self.files();
        let mut wrong = Vec::new();
        for file in present(folder, &format!("{}-", self.name), self.name) {
            if !wanted.contains_key(&file) {
                wrong.push(format!("{}: no document has it any more", file.display()));
                if bless {
                    let _ = fs::remove_file(folder.join(&file));
                }
            }
        }
        wanted
            .retain(|file, text| fs::read_to_string(folder.join(file)).ok().as_ref() != Some(text));
        for (file, text) in wanted {
            wrong.push(format!("{}: differs from the code", file.display()));
            if bless {
                let path = folder.join(&file);
                if let Some(parent) = path.parent() {
                    let _ = fs::create_dir_all(parent);
                }
                let _ = fs::write(path, text);
            }
        }
        if bless { Vec::new() } else { wrong }
    }
}

/// Compares the program's part of the register with the code, and panics where they differ.
///
/// # Panics
///
/// If they differ, unless `FAMFS_BLESS=1` asks to write the register.
pub fn assert_kept(program: &Program) {
    let bless = env::BLESS.get().is_some_and(|value| value == "1");
    let wrong = program.keep(&folder(), bless);
    assert!(
        wrong.is_empty(),
        "docs/reference/contracts and the code differ. If the change is meant, run `cargo xtask \
         check --bless` and commit what it writes.\n{}",
        wrong.join("\n")
    );
}

/// Says in what `document` is not as the schema `name` of the register has it; that there is no
/// such schema is the same.
pub fn violations(name: &str, document: &Value) -> Vec<String> {
    let path = folder().join(schema_file(name));
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return vec![format!("cannot read {}: {error}", path.display())],
    };
    let schema = match serde_json::from_str(&text) {
        Ok(schema) => schema,
        Err(error) => return vec![format!("{} is no JSON: {error}", path.display())],
    };
    let validator = match jsonschema::validator_for(&schema) {
        Ok(validator) => validator,
        Err(error) => return vec![format!("{} is no schema: {error}", path.display())],
    };
    validator
        .iter_errors(document)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

/// Asserts that `document` is as the schema `name` of the register has it.
///
/// # Panics
///
/// If it is not.
pub fn assert_valid(name: &str, document: &Value) {
    let wrong = violations(name, document);
    assert!(
        wrong.is_empty(),
        "not as docs/reference/contracts/schemas/{name}.schema.json has it:\n{}\n{document:#}",
        wrong.join("\n")
    );
}

fn schema_file(name: &str) -> PathBuf {
    PathBuf::from(format!("schemas/{name}.schema.json"))
}

/// Schemas in the register whose names begin so, but for those of programs with longer names.
fn present(folder: &Path, prefix: &str, program: &str) -> Vec<PathBuf> {
    let others = ["famfs-top-", "famfs-bench-"];
    let entries = fs::read_dir(folder.join("schemas"));
    let names = entries.into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with(prefix))
        .filter(|name| program != "famfs" || !others.iter().any(|o| name.starts_with(o)))
        .map(|name| Path::new("schemas").join(name))
        .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/contracts")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::name;

    #[derive(serde::Serialize, JsonSchema)]
    struct Example {
        schema: u32,
        #[serde(flatten)]
        path: name::Path,
    }

    #[test]
    fn a_name_is_in_the_schema_with_its_bytes() {
        let document = Document::of::<Example>("x", "x --json");
        let validator = jsonschema::validator_for(document.schema.as_value()).unwrap();
        for good in [
            json!({"schema": 1, "path": "a"}),
            json!({"schema": 1, "path": "\u{fffd}", "path_hex": "ff"}),
        ] {
            assert!(validator.is_valid(&good), "{good}");
        }
        for bad in [
            json!({"schema": 1}),
            json!({"schema": 1, "path": null}),
            json!({"schema": 1, "path": "a", "path_hex": null}),
            json!({"schema": -1, "path": "a"}),
        ] {
            assert!(!validator.is_valid(&bad), "{bad}");
        }
    }

    #[test]
    fn a_difference_is_named() {
        let program = Program {
            name: "nothing",
            statuses: &[],
            documents: vec![Document::of::<Example>("nothing-x", "nothing x")],
            sections: Vec::new(),
        };
        assert_eq!(
            program.keep(Path::new("/no/such/register"), false),
            [
                "nothing.md: differs from the code",
                "schemas/nothing-x.schema.json: differs from the code"
            ]
        );
    }
}
