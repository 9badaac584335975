use axum::Router;
use axum::routing::get;
use counterfoil::tower::{ErrorCode, Mutation, ServerLayer};

pub async fn serve() -> std::io::Result<()> {
    let router = Router::new()
        .route("/orders", get(list).post(create))
        .layer(ServerLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, router).await
}

async fn list() -> Result<String, ErrorCode> {
    crate::store::all()
}

async fn create(order: String) -> Result<(), ErrorCode> {
    let mutation = Mutation::new("order.create");
    mutation.resolve(crate::store::tenant()).await?;
    mutation.apply(crate::store::insert(order)).await?;
    mutation.record(crate::store::emit()).await
}
