//! Reads the module's sysfs files, tracepoints and parameters from its C sources, which are
//! written in one style: no preprocessor is needed.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, ensure};

/// The page of the register.
pub(super) fn page(sysfs: &str, trace: &str, main: &str) -> Result<String> {
    let mut text = "# Contracts of the kernel module\n\nThis page is written from the code: see [the register](README.md). What the files and events mean\nis in [famfs-kmod](../../../famfs-kmod/README.md).\n".to_owned();
    text.push_str("\n## Files in sysfs\n\n| file | what is printed |\n|---|---|\n");
    for (file, format) in files(sysfs)? {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{file}` | {} |", code(&format));
    }
    text.push_str("\n## Tracepoints\n\n| tracepoint | arguments of the raw tracepoint | fields | what is printed |\n|---|---|---|---|\n");
    for event in events(trace)? {
        let Event {
            name,
            arguments,
            fields,
            print,
        } = event;
        let _ = writeln!(
            text,
            "| `famfs:{name}` | {} | {} | `{print}` |",
            code(&arguments),
            code(&fields)
        );
    }
    text.push_str(
        "\n## Module parameters\n\n| file in `/sys/module/famfs/parameters` | what it is |\n|---|---|\n",
    );
    for (name, what) in parameters(main)? {
        let _ = writeln!(text, "| `{name}` | {what} |");
    }
    Ok(text)
}

fn code(items: &[String]) -> String {
    let items: Vec<String> = items.iter().map(|item| format!("`{item}`")).collect();
    items.join(", ")
}

/// Each file with the formats and words that it is printed with.
fn files(sysfs: &str) -> Result<Vec<(String, Vec<String>)>> {
    let mut files = Vec::new();
    for after in sysfs.split("= __ATTR_RO(").skip(1) {
        let name = until(after, ")")?;
        let place = if sysfs.contains(&format!("sysfs_create_file(famfs_root, &{name}_attr.attr)"))
        {
            format!("/sys/fs/famfs/{name}")
        } else {
            ensure!(
                sysfs.contains(&format!("\t&{name}_attr.attr,\n")),
                "sysfs.c declares {name}, and no list has it"
            );
            format!("/sys/fs/famfs/MAJOR:MINOR/{name}")
        };
        files.push((place, printed(sysfs, &format!("{name}_show"))?));
    }
    ensure!(!files.is_empty(), "sysfs.c declares no file");
    Ok(files)
}

/// The string literals of a function, and of a printing function of the same file that it calls.
fn printed(source: &str, function: &str) -> Result<Vec<String>> {
    let body = body(source, function)?;
    let mut all = literals(body);
    if function != "famfs_print_error" && body.contains("famfs_print_error(") {
        all.extend(printed(source, "famfs_print_error")?);
    }
    Ok(all)
}

fn body<'s>(source: &'s str, function: &str) -> Result<&'s str> {
    let (_, after) = source
        .split_once(&format!(" {function}("))
        .with_context(|| format!("there is no function {function}"))?;
    let (_, inside) = after
        .split_once("\n{\n")
        .with_context(|| format!("{function} has no body"))?;
    until(inside, "\n}\n")
}

fn literals(source: &str) -> Vec<String> {
    let pieces = source.split('"').skip(1).step_by(2);
    pieces
        .map(|piece| piece.trim_end_matches("\\n").to_owned())
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    arguments: Vec<String>,
    fields: Vec<String>,
    print: String,
}

/// Events by themselves, and those of a class, which has their fields.
fn events(trace: &str) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for (at, _) in trace.match_indices("\nTRACE_EVENT(") {
        let after = &trace[at + "\nTRACE_EVENT(".len()..];
        let name = until(after, ",")?;
        events.push(event(name, until(after, "\n);\n")?)?);
    }
    for (at, _) in trace.match_indices("\nDEFINE_EVENT(") {
        let after = &trace[at + "\nDEFINE_EVENT(".len()..];
        let (class, rest) = after.split_once(", ").context("DEFINE_EVENT has a class")?;
        let (_, body) = trace
            .split_once(&format!("\nDECLARE_EVENT_CLASS({class},"))
            .with_context(|| format!("there is no event class {class}"))?;
        events.push(event(until(rest, ",")?, until(body, "\n);\n")?)?);
    }
    ensure!(!events.is_empty(), "trace.h declares no event");
    Ok(events)
}

fn event(name: &str, body: &str) -> Result<Event> {
    let of = |start: &str, end: &str| -> Result<&str> {
        let (_, after) = body
            .split_once(start)
            .with_context(|| format!("the event {name} has no {start}"))?;
        until(after, end)
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let fields = of("TP_STRUCT__entry(", "\n\t),")?;
    Ok(Event {
        name: name.to_owned(),
        arguments: of("TP_PROTO(", "),")?.split(',').map(words).collect(),
        fields: fields
            .split("__field(")
            .skip(1)
            .map(|field| until(field, ")").map(|field| words(&field.replace(',', ""))))
            .collect::<Result<_>>()?,
        print: until(of("TP_printk(\"", ",\n")?, "\"")?.to_owned(),
    })
}

/// Module parameters and their descriptions.
fn parameters(main: &str) -> Result<Vec<(&str, &str)>> {
    main.split("MODULE_PARM_DESC(")
        .skip(1)
        .map(|after| {
            let (name, rest) = after.split_once(", \"").context("a description is text")?;
            Ok((name, until(rest, "\")")?))
        })
        .collect()
}

fn until<'s>(text: &'s str, end: &str) -> Result<&'s str> {
    let (before, _) = text
        .split_once(end)
        .with_context(|| format!("no {end:?} after {:?}", text.lines().next()))?;
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSFS: &str = "
static int famfs_print_error(char *buf)
{
\treturn sysfs_emit(buf, \"dev=%s\\n\", 1);
}

static ssize_t state_show(struct kobject *kobj)
{
\treturn sysfs_emit(buf, \"%s\\n\", bad ? \"disabled\" : \"ok\");
}

static ssize_t error_show(struct kobject *kobj)
{
\treturn famfs_print_error(buf);
}

static struct kobj_attribute state_attr = __ATTR_RO(state);
static struct kobj_attribute error_attr = __ATTR_RO(error);
\t&state_attr.attr,
\terr = sysfs_create_file(famfs_root, &error_attr.attr);
";

    const TRACE: &str = "
DECLARE_EVENT_CLASS(c,
\tTP_PROTO(dev_t dev,
\t\t u64 len),
\tTP_STRUCT__entry(
\t\t__field(u64, len)
\t\t__field(u32, dev)
\t),
\tTP_printk(\"dev %u len %llu\",
\t\t  1)
);

DEFINE_EVENT(c, one,
\tTP_PROTO(dev_t dev));
";

    #[test]
    fn files_are_read_with_what_they_print() {
        let words = |all: &[&str]| all.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            files(SYSFS).unwrap(),
            [
                (
                    "/sys/fs/famfs/MAJOR:MINOR/state".to_owned(),
                    words(&["%s", "disabled", "ok"])
                ),
                ("/sys/fs/famfs/error".to_owned(), words(&["dev=%s"])),
            ]
        );
    }

    #[test]
    fn a_file_in_no_list_is_an_error() {
        let stray = SYSFS.replace("\t&state_attr.attr,\n", "");
        assert!(files(&stray).unwrap_err().to_string().contains("state"));
    }

    #[test]
    fn events_have_the_fields_of_their_class() {
        let events = events(TRACE).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].name, "one");
        assert_eq!(events[0].arguments, ["dev_t dev", "u64 len"]);
        assert_eq!(events[0].fields, ["u64 len", "u32 dev"]);
        assert_eq!(events[0].print, "dev %u len %llu");
    }

    #[test]
    fn parameters_are_read() {
        let main = "MODULE_PARM_DESC(a, \"newest (read only)\");\n";
        assert_eq!(parameters(main).unwrap(), [("a", "newest (read only)")]);
    }
}
