//! A fresh database for each test: a copy of one that was migrated and seeded once.

use std::sync::OnceLock;

use ground::clock::Clock;
use secure_payment::app::App;
use secure_payment::db::Db;
use secure_payment::seed;
use tempfile::TempDir;

use super::app::sandbox_settings;
use super::postgres::Server;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
}

pub(super) enum Template {
    /// The file's bytes, since nothing would remove a file when the tests are over.
    Sqlite {
        bytes: Vec<u8>,
    },
    Postgres {
        server: &'static Server,
    },
}

impl Template {
    /// None: there is no PostgreSQL here, which has been said.
    pub(super) fn of(engine: Engine) -> Option<&'static Self> {
        static SQLITE: OnceLock<Template> = OnceLock::new();
        static POSTGRES: OnceLock<Option<Template>> = OnceLock::new();
        match engine {
            Engine::Sqlite => Some(SQLITE.get_or_init(|| {
                let folder = tempfile::tempdir().expect("a folder");
                let file = folder.path().join("template.db");
                block_on(fill(format!("sqlite://{}", file.display())));
                let bytes = std::fs::read(file).expect("reads");
                Template::Sqlite { bytes }
            })),
            Engine::Postgres => POSTGRES
                .get_or_init(|| {
                    let server = Server::find()?;
                    if let Some(template) = server.template() {
                        block_on(async {
                            server.create(template, None).await;
                            fill(server.url(template)).await;
                        });
                    }
                    Some(Template::Postgres { server })
                })
                .as_ref(),
        }
    }

    pub(super) async fn copy(&'static self) -> Fresh {
        match self {
            Self::Sqlite { bytes } => {
                let folder = tempfile::tempdir().expect("a folder");
                let copy = folder.path().join("test.db");
                std::fs::write(&copy, bytes).expect("writes");
                Fresh::Sqlite { url: format!("sqlite://{}", copy.display()), _folder: folder }
            }
            Self::Postgres { server } => {
                let name = format!("test_{}", Clock::default().new_id().simple());
                server.create(&name, server.template()).await;
                let url = server.url(&name);
                if server.template().is_none() {
                    fill(url.clone()).await;
                }
                Fresh::Postgres { url, name, server }
            }
        }
    }
}

/// One test's own database.
pub(super) enum Fresh {
    Sqlite { url: String, _folder: TempDir },
    Postgres { url: String, name: String, server: &'static Server },
}

impl Fresh {
    pub(super) fn url(&self) -> &str {
        match self {
            Self::Sqlite { url, .. } | Self::Postgres { url, .. } => url,
        }
    }

    pub(super) async fn discard(self) {
        match self {
            Self::Sqlite { .. } => {}
            Self::Postgres { name, server, .. } => server.drop(&name).await,
        }
    }
}

/// Schema and seed, as the first start of a sandbox leaves them.
async fn fill(url: String) {
    let db = Db::connect(&url).await.expect("connects");
    db.migrate().await.expect("migrates");
    let app = App::new(sandbox_settings(&url), db, Clock::default()).expect("settings that can be used");
    assert!(seed::run(&app).await.expect("seeds"), "the database is empty");
    app.db.close().await;
}

pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts").block_on(work)
}
