//! The reference readers, in the Python that the test runner provides.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// The output of a Python program that is given the path of a file with these bytes.
pub(crate) fn python(program: &str, bytes: &[u8]) -> String {
    const VARIABLE: &str = "MYHEALTH_TEST_PYTHON";
    #[expect(clippy::disallowed_methods, reason = "the test runner tells where its programs are")]
    let python = std::env::var(VARIABLE).unwrap_or_else(|_| {
        panic!("{VARIABLE} is not set; run `cargo xtask test`, or `cargo xtask provision` by hand")
    });
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file.flush().unwrap();
    let output =
        Command::new(python).args(["-c", program]).arg(file.path()).stderr(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n")
}
