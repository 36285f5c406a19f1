//! `synthcap serve` and `synthcap info`.

use std::{
    io::{BufRead as _, BufReader},
    net::TcpListener,
    process::{Command, Stdio},
};

use crate::common::{run, serve};

#[cfg(unix)]
#[test]
fn a_server_tells_what_it_is_and_ends_on_ctrl_c() {
    let (server, url) = serve(&["--seed", "3", "--scene", "tabletop"]);
    let info = run(&["info", "--server", &url, "--json"]).json();
    assert_eq!(info["url"], url.as_str());
    assert_eq!(info["server"]["seed"], 3);
    assert_eq!(info["server"]["scene"], "tabletop");
    assert_eq!(info["server"]["cameras"][0]["width"], 48);
    assert!(info["round_trip_ms"].as_f64().is_some_and(|ms| ms > 0.0));
    let text = run(&["info", "--server", &url]);
    assert_eq!(text.code, Some(0));
    for word in [
        "engine",
        "capabilities",
        "limits",
        "camera",
        "round trip",
        "batch",
    ] {
        assert!(text.stdout.contains(word), "{word}: {text:?}");
    }
    server.interrupt();
    assert_eq!(server.end().code, Some(0));
}

#[test]
fn a_public_address_is_served_when_told_so_in_words() {
    let mut server = Command::new(env!("CARGO_BIN_EXE_synthcap"))
        .args(["serve", "--listen", "0.0.0.0:0", "--insecure-public"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut line = String::new();
    let output = server.stdout.take().expect("piped");
    BufReader::new(output).read_line(&mut line).expect("text");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
    assert!(line.contains("http://0.0.0.0:"), "{line}");
}

#[test]
fn what_cannot_be_served_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("port");
    let address = taken.local_addr().expect("address").to_string();
    for (args, word) in [
        (["--scene", "moon"], "tabletop"),
        (["--size", "10000x100"], "1 to 8192"),
        (["--listen", &address], address.as_str()),
        (["--listen", "nowhere"], "127.0.0.1:50051"),
        (["--listen", "0.0.0.0:0"], "--insecure-public"),
    ] {
        let ended = run(&[&["serve"][..], &args].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.complaint().contains(word), "{ended:?}");
    }
}

#[test]
fn the_largest_size_that_is_served_can_be_asked_for() {
    let (_server, url) = serve(&["--size", "8192x1"]);
    let info = run(&["info", "--server", &url, "--json"]).json();
    let limits = &info["server"]["limits"];
    assert_eq!(info["server"]["cameras"][0]["width"], limits["max_width"]);
}

#[test]
fn help_has_an_example_for_each_command() {
    for command in ["capture", "serve", "info"] {
        let ended = run(&[command, "--help"]);
        assert_eq!(ended.code, Some(0));
        assert!(
            ended.stdout.contains(&format!("\n  synthcap {command} ")),
            "{ended:?}"
        );
        assert!(!ended.stdout.contains('\u{1b}'), "no colours in a pipe");
    }
    let all = run(&["--help"]);
    assert!(all.stdout.contains("Exit codes:"));
    assert_eq!(run(&["--version"]).code, Some(0));
}
