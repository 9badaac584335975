use counterfoil::tower::consumer::process;
use rdkafka::consumer::StreamConsumer;

pub async fn take(consumer: StreamConsumer) {
    while let Ok(message) = consumer.recv().await {
        // println!("a comment is no code");
        process(message).await;
    }
}
