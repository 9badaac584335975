//! Whose key it is: for clients that show it to people.

use axum::extract::State;
use axum::{Extension, Json};
use serde::Serialize;

use super::Platform;
use crate::errors::Failure;
use crate::store::members;
use crate::{Member, Role};

#[derive(Serialize)]
pub(super) struct Me {
    tenant: String,
    role: Role,
    projects: Vec<String>,
}

/// `GET /v1/me`
pub(super) async fn show(
    State(platform): State<Platform>,
    Extension(member): Extension<Member>,
) -> Result<Json<Me>, Failure> {
    let Member { tenant, role } = member;
    let read = platform.store.read(move |connection| {
        let projects = members::projects(connection, &tenant)?;
        Ok(Me {
            tenant,
            role,
            projects,
        })
    });
    read.await.map(Json)
}
