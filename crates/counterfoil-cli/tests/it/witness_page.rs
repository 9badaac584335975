//! The commands of `docs/operating/witnesses.md`, run as they stand there.

use std::fs::{self, File};
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const PAGE: &str = include_str!("../../../../docs/operating/witnesses.md");

/// What stands in the page's shell blocks, one after the other, on ports that nobody else has.
fn commands() -> String {
    let mut script = String::new();
    let mut inside = false;
    for line in PAGE.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside => {
                script.push_str(line);
                script.push('\n');
            }
            _ => {}
        }
    }
    for port in ["9466", "9467"] {
        assert!(script.contains(port));
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = free.local_addr().unwrap().port().to_string();
        script = script.replace(port, &free);
    }
    script
}

#[test]
fn the_commands_of_the_page_on_witnesses_do_what_it_says() {
    let directory = tempfile::tempdir().unwrap();
    let binary = Path::new(env!("CARGO_BIN_EXE_counterfoil"));
    let path = format!(
        "{}:{}",
        binary.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let told = File::create(directory.path().join("told")).unwrap();
    // In a group of its own, so that the witnesses in the background can be ended with it whatever happens.
    let mut shell = Command::new("sh")
        .args(["-eu", "-c", &commands()])
        .current_dir(directory.path())
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(told.try_clone().unwrap())
        .stderr(told)
        .process_group(0)
        .spawn()
        .unwrap();
    let ended = shell.wait().unwrap();
    let group = format!("-{}", shell.id());
    let stopped = Command::new("kill").args(["-TERM", "--", &group]).status();
    let told = fs::read_to_string(directory.path().join("told")).unwrap();
    assert_eq!(ended.code(), Some(0), "{told}");
    assert!(
        stopped.unwrap().success(),
        "the witnesses had ended by themselves: {told}"
    );
    assert_eq!(told.matches("by witness.").count(), 2, "{told}");
    for team in ["red", "blue"] {
        let anchor =
            fs::read_to_string(directory.path().join(team).join("service/anchor.json")).unwrap();
        let other = if team == "red" { "blue" } else { "red" };
        assert!(
            anchor.contains(&format!("witness.{other}.example")),
            "{anchor}"
        );
    }
}
