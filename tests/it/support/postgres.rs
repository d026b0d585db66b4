//! A PostgreSQL for the tests: that of `TEST_DATABASE_URL`, or else a throw-away cluster, made of the programs that are
//! installed, for this run of the tests.
//!
//! The cluster is reached over a socket in its own folder, so it needs no port and meets no other server. Its writes are
//! synced as in production: with syncing off, commits take no time, and the races that the tests look for hardly happen.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use sea_orm::{ConnectOptions, ConnectionTrait, Database};

use super::{say, variable};

pub(super) enum Server {
    /// Somebody's server, where nothing but the tests' databases may appear.
    Given { url: reqwest::Url },
    /// Ours, for this run.
    Cluster { folder: PathBuf, _watchdog: Child },
}

impl Server {
    /// None: there is none, and none can be made. In CI that fails the test, because half of them would be left out.
    pub(super) fn find() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<Server>> = OnceLock::new();
        let server = SERVER.get_or_init(|| {
            if let Some(url) = variable("TEST_DATABASE_URL") {
                return Some(Self::Given { url: reqwest::Url::parse(&url).expect("TEST_DATABASE_URL is a URL") });
            }
            programs().map(|programs| start_cluster(&programs))
        });
        if server.is_none() {
            let problem = "neither TEST_DATABASE_URL nor PostgreSQL's initdb is here";
            assert!(variable("CI").is_none(), "{problem}");
            static SAID: OnceLock<()> = OnceLock::new();
            SAID.get_or_init(|| say(&format!("The tests on PostgreSQL are skipped: {problem}.")));
        }
        server.as_ref()
    }

    /// The database that others are copies of. Not on somebody's server: nobody would drop it.
    pub(super) fn template(&self) -> Option<&'static str> {
        match self {
            Self::Given { .. } => None,
            Self::Cluster { .. } => Some("migrated_and_seeded"),
        }
    }

    pub(super) fn url(&self, database: &str) -> String {
        match self {
            Self::Given { url } => {
                let mut url = url.clone();
                url.set_path(database);
                url.into()
            }
            Self::Cluster { folder, .. } => {
                format!("postgres://postgres@localhost/{database}?host={}", folder.display())
            }
        }
    }

    pub(super) async fn create(&self, database: &str, template: Option<&str>) {
        let template = template.map(|name| format!(" template {name}")).unwrap_or_default();
        self.execute(&format!("create database {database}{template}")).await;
    }

    pub(super) async fn drop(&self, database: &str) {
        self.execute(&format!("drop database {database} with (force)")).await;
    }

    async fn execute(&self, sql: &str) {
        let url = match self {
            Self::Given { url } => url.to_string(),
            Self::Cluster { .. } => self.url("postgres"),
        };
        let mut options = ConnectOptions::new(url);
        options.max_connections(1).sqlx_logging(false);
        let admin = Database::connect(options).await.expect("PostgreSQL answers");
        admin.execute_unprepared(sql).await.unwrap_or_else(|cause| panic!("{sql}: {cause}"));
        admin.close().await.expect("closes");
    }
}

/// The folder of `initdb` and `pg_ctl`: on the path, or where Debian puts them, the newest first.
fn programs() -> Option<PathBuf> {
    let on_path = variable("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let installed = versions.into_iter().rev().map(|(_version, folder)| folder);
    on_path.into_iter().chain(installed).find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
}

fn start_cluster(programs: &Path) -> Server {
    let owner = Owner::choose();
    let folder = tempfile::Builder::new().prefix("secure-payment-").tempdir().expect("a folder").keep();
    let data = folder.join("data");
    owner.give(&folder);

    // Waits for this process to end, however it ends: then the pipe to it closes.
    let script = "trap '' INT TERM HUP; read -r nothing; \"$0/pg_ctl\" -D \"$1/data\" -m immediate stop; rm -rf \"$1\"";
    let mut watchdog = owner.command(Path::new("sh"));
    watchdog.args(["-c", script]).arg(programs).arg(&folder).process_group(0);
    watchdog.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let watchdog = watchdog.spawn().expect("sh starts");

    let mut initdb = owner.command(&programs.join("initdb"));
    initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "-D"]).arg(&data);
    finish(initdb);

    let mut start = owner.command(&programs.join("pg_ctl"));
    let options =
        format!("-c listen_addresses= -c unix_socket_directories={} -c max_connections=300", folder.display());
    start.arg("-D").arg(&data).arg("-l").arg(folder.join("log")).args(["-w", "-o", &options, "start"]);
    finish(start);
    Server::Cluster { folder, _watchdog: watchdog }
}

fn finish(mut command: Command) {
    // Not a pipe: the server that pg_ctl starts would keep it open.
    let mut log = tempfile::tempfile().expect("a file");
    let copy = || log.try_clone().expect("a file").into();
    let (output, errors): (Stdio, Stdio) = (copy(), copy());
    let status = command.stdin(Stdio::null()).stdout(output).stderr(errors).status().expect("starts");
    if !status.success() {
        let mut text = String::new();
        std::io::Seek::rewind(&mut log).expect("rewinds");
        log.read_to_string(&mut text).expect("reads");
        panic!("{command:?}: {status}: {text}");
    }
}

/// Whose processes the cluster's are: PostgreSQL refuses to run as root.
struct Owner(Option<(u32, u32)>);

impl Owner {
    fn choose() -> Self {
        let is_root = fs::metadata("/proc/self").is_ok_and(|me| me.uid() == 0);
        if !is_root {
            return Self(None);
        }
        let users = fs::read_to_string("/etc/passwd").expect("reads");
        let find = |name: &str| {
            let mut fields = users.lines().find(|line| line.starts_with(&format!("{name}:")))?.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        let user = find("postgres").or_else(|| find("nobody"));
        Self(Some(user.expect("PostgreSQL can't run as root, and there is no user postgres or nobody")))
    }

    fn give(&self, folder: &Path) {
        if let Some((user, group)) = self.0 {
            chown(folder, Some(user), Some(group)).expect("gives the folder away");
        }
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some((user, group)) = self.0 {
            command.uid(user).gid(group);
        }
        command
    }
}
