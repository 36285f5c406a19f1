//! Serving with TLS and tokens, and being let in, as one types it.

use std::{fs, path::Path};

use crate::common::{command, ended, run, serve};
use rcgen::{CertifiedKey, generate_simple_self_signed};

/// A certificate that vouches for itself, its key, and the tokens of two users.
fn write_files(folder: &Path) -> [String; 3] {
    let names = vec!["127.0.0.1".to_owned()];
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(names).expect("signed");
    let files = [
        ("server.pem", cert.pem()),
        ("server.key", signing_key.serialize_pem()),
        (
            "tokens.txt",
            "# two users\nwhole-1\nlook-2 query\n".to_owned(),
        ),
    ];
    files.map(|(name, text)| {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        path.display().to_string()
    })
}

#[test]
fn a_guarded_server_lets_in_who_has_a_token() {
    let folder = tempfile::tempdir().expect("folder");
    let [certificate, key, tokens] = write_files(folder.path());
    let (_server, url) = serve(&[
        "--tls-cert",
        &certificate,
        "--tls-key",
        &key,
        "--token-file",
        &tokens,
    ]);
    assert!(url.starts_with("https://"), "{url}");
    let info = ["info", "--json", "--server", &url, "--ca", &certificate];

    let stranger = run(&info);
    assert_eq!(stranger.code, Some(4), "{stranger:?}");
    assert!(
        stranger.complaint().contains("a token is needed"),
        "{stranger:?}"
    );

    // The first token of the file is the one to show.
    let told = run(&[&info[..], &["--token-file", &tokens]].concat());
    assert_eq!(told.json()["server"]["engine"], "synthcap-sim");
    let mut by_variable = command(&info);
    by_variable.env("SYNTHCAP_TOKEN", "look-2");
    assert_eq!(ended(by_variable).code, Some(0));

    let out = folder.path().join("set").display().to_string();
    let mut capture = command(&[
        "capture",
        "--frames",
        "1",
        "--size",
        "8x6",
        "--out",
        &out,
        "--server",
        &url,
        "--ca",
        &certificate,
    ]);
    capture.env("SYNTHCAP_TOKEN", "look-2");
    let refused = ended(capture);
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(
        refused.complaint().contains("the token does not allow"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains("look-2"), "{refused:?}");

    let untrusting = run(&["info", "--server", &url]);
    assert_eq!(untrusting.code, Some(3), "{untrusting:?}");
    assert!(
        untrusting.complaint().contains("TLS failed"),
        "{untrusting:?}"
    );
}

#[test]
fn half_of_what_tls_needs_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let [certificate, _, tokens] = write_files(folder.path());
    for (args, word) in [
        (vec!["--tls-cert", &certificate], "--tls-key"),
        (vec!["--client-ca", &certificate], "--tls-cert"),
        (
            vec!["--tls-cert", &certificate, "--tls-key", &tokens],
            "tokens.txt",
        ),
        (vec!["--token-file", &certificate], "line 1"),
    ] {
        let ended = run(&[&["serve", "--listen", "127.0.0.1:0"], &args[..]].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.complaint().contains(word), "{ended:?}");
    }
}
