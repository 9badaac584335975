use axum::Router;
use counterfoil::tower::ServerLayer;

pub async fn serve() -> std::io::Result<()> {
    let router = Router::new().layer(ServerLayer::new());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, router).await
}
