//! Generates the stubs of the SDK: messages by prost, and a constant for each method.
//!
//! Usage: `weir-sdk-stubs OUT_DIR INCLUDE_DIR...`; every `.proto` below the include folders is generated.

use std::error::Error;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use prost_build::{Config, Method, Service, ServiceGenerator};

/// google.protobuf.MethodOptions.IdempotencyLevel: anything but IDEMPOTENCY_UNKNOWN may be sent again.
const IDEMPOTENCY_UNKNOWN: i32 = 0;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let out_dir = arguments.next().ok_or("usage: weir-sdk-stubs OUT_DIR INCLUDE_DIR...")?;
    let includes: Vec<PathBuf> = arguments.collect();
    let mut files = Vec::new();
    for include in &includes {
        collect_protos(include, &mut files)?;
    }
    std::fs::create_dir_all(&out_dir)?;
    Config::new()
        .btree_map(["."])
        .bytes(["."])
        .out_dir(out_dir)
        .include_file("mod.rs")
        .service_generator(Box::new(MethodConstants))
        .compile_protos(&files, &includes)?;
    Ok(())
}

fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|each| each.path())).collect::<Result<_, _>>()?;
    // The order of a folder differs from machine to machine, and the stubs must not.
    entries.sort();
    for path in entries {
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().map_or(false, |extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes a module for each service, with a constant for each method.
struct MethodConstants;

impl ServiceGenerator for MethodConstants {
    fn generate(&mut self, service: Service, code: &mut String) {
        let name = format!("{}.{}", service.package, service.proto_name);
        write_comments(&service.comments.leading, code);
        writeln!(code, "pub mod {} {{", snake_case(&service.name)).expect("a string takes it");
        writeln!(code, "use crate::grpc::Method;").expect("a string takes it");
        writeln!(code, "/// The name of the service.\npub const NAME: &str = \"{name}\";")
            .expect("a string takes it");
        for method in &service.methods {
            write_method(&name, method, code);
        }
        code.push_str("}\n");
    }
}

fn write_method(service: &str, method: &Method, code: &mut String) {
    let level = method.options.idempotency_level.unwrap_or(IDEMPOTENCY_UNKNOWN);
    write_comments(&method.comments.leading, code);
    writeln!(
        code,
        "pub const {}: Method<{}, {}> = Method::new(\"/{service}/{}\", {});",
        method.name.to_uppercase(),
        from_submodule(&method.input_type),
        from_submodule(&method.output_type),
        method.proto_name,
        level != IDEMPOTENCY_UNKNOWN,
    )
    .expect("a string takes it");
}

fn write_comments(lines: &[String], code: &mut String) {
    for line in lines {
        writeln!(code, "///{}", line.trim_end()).expect("a string takes it");
    }
}

/// The constants stand one module deeper than the messages.
fn from_submodule(path: &str) -> String {
    if path.starts_with("::") {
        path.to_owned()
    } else {
        format!("super::{path}")
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
