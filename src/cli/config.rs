//! `counterpart config`: the settings in force, and who set them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::{Answer, Failed, print, print_json};
use crate::ledger::LedgerUrl;
use crate::node::config::{Config, Layers, SETTINGS, Setting};

pub fn show(layers: &Layers, Answer { json }: Answer) -> Result<(), Failed> {
    // Said before anything is shown: a setting that does not parse is not in force.
    Config::parse(layers)?;
    if json {
        let settings = SETTINGS.iter().map(|setting| {
            let source = layers.get(setting.name).source.to_string();
            (setting.name.to_owned(), json!({ "value": shown(layers, setting), "from": source }))
        });
        return print_json(&Value::Object(settings.collect()));
    }
    let lines: Vec<_> = SETTINGS
        .iter()
        .map(|setting| {
            let value = toml::Value::String(shown(layers, setting)).to_string();
            (format!("{} = {value}", setting.name), &layers.get(setting.name).source)
        })
        .collect();
    let width = lines.iter().map(|(line, _)| line.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (line, source) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line:width$}  # {source}");
    }
    print(text.as_bytes())
}

fn shown(layers: &Layers, setting: &Setting) -> String {
    let text = &layers.get(setting.name).text;
    match (setting.secret, LedgerUrl::parse(text)) {
        (false, _) => text.clone(),
        (true, Ok(url)) => url.to_string(),
        (true, Err(_)) if text.is_empty() => String::new(),
        (true, Err(_)) => "***".to_owned(),
    }
}
