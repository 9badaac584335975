use counterfoil::tower::{Consumer, Message};
use rdkafka::consumer::StreamConsumer;

pub async fn take(consumer: StreamConsumer, orders: Consumer) {
    while let Ok(message) = consumer.recv().await {
        // println!("a comment is no code");
        orders.process(Message::from_headers(&message), work(message)).await;
    }
    for row in crate::store::claim(10) {
        orders.process(Message::from_headers(&row), work(row)).await;
    }
}
