//! A server in this process, and a client of it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, PutLeafRequest, PutRecipeRequest, PutResponse, VerifyRequest, VerifyResponse,
};
use cookbook_recipe_25_content_addressed_compute::{
    CAddr, Engine, Functions, Limits, Recipe, Service, observer, serve,
};
use counterfoil::health::Health;
use counterfoil::{MetricValue, Observer};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::client::Grpc;
use tonic::transport::Channel;

/// How long to wait for what has to come.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Bench {
    pub(crate) observer: Observer,
    pub(crate) data: TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) client: DerivaClient<Channel>,
    stop: oneshot::Sender<()>,
    served: JoinHandle<Result<(), tonic::transport::Error>>,
    _health: Health,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with(Functions::standard(), Limits::default()).await
    }

    pub(crate) async fn with(functions: Functions, limits: Limits) -> Self {
        let data = tempfile::tempdir().unwrap();
        let observer = observer(data.path()).unwrap();
        let engine = Engine::open(data.path(), &observer, functions, limits).unwrap();
        let health = Health::builder("deriva", "0").start().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (served, reader) = (observer.clone(), health.reader());
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            let (service, stopped) = (Service::new(engine), async { _ = stopped.await });
            serve(listener, service, &served, reader, stopped).await
        });
        let url = format!("http://{address}");
        Self {
            observer,
            data,
            address,
            client: DerivaClient::connect(url).await.unwrap(),
            stop,
            served,
            _health: health,
        }
    }

    /// Stops the server and waits until it has ended by itself; the directory that it leaves.
    pub(crate) async fn stop(self) -> TempDir {
        self.stop.send(()).unwrap();
        let served = tokio::time::timeout(PATIENCE, self.served).await;
        served.unwrap().unwrap().unwrap();
        self.data
    }

    /// A connection of its own, with this window for what it receives.
    pub(crate) async fn channel(&self, window: u32) -> Channel {
        let endpoint = Channel::from_shared(format!("http://{}", self.address)).unwrap();
        let endpoint = endpoint.initial_stream_window_size(window);
        endpoint.connect().await.unwrap()
    }

    /// A client that is bound to no method.
    pub(crate) async fn raw(&self) -> Grpc<Channel> {
        let mut raw = Grpc::new(self.channel(65_535).await);
        raw.ready().await.unwrap();
        raw
    }

    pub(crate) async fn leaf(&self, data: impl Into<Bytes>) -> CAddr {
        let put = self.put_leaf(data).await.unwrap();
        CAddr::from_slice(&put.address).unwrap()
    }

    pub(crate) async fn put_leaf(&self, data: impl Into<Bytes>) -> Result<PutResponse, Status> {
        let data = data.into();
        let put = self.client.clone().put_leaf(PutLeafRequest { data }).await;
        Ok(put?.into_inner())
    }

    pub(crate) async fn recipe(&self, recipe: Recipe) -> CAddr {
        let put = self.put_recipe(recipe).await.unwrap();
        CAddr::from_slice(&put.address).unwrap()
    }

    pub(crate) async fn put_recipe(&self, recipe: Recipe) -> Result<PutResponse, Status> {
        let inputs = recipe.inputs.iter().copied().map(bytes_of).collect();
        let request = PutRecipeRequest {
            function: recipe.function,
            inputs,
            parameters: recipe.parameters.into_iter().collect(),
        };
        Ok(self.client.clone().put_recipe(request).await?.into_inner())
    }

    pub(crate) async fn get(&self, address: CAddr) -> Result<Vec<u8>, Status> {
        Ok(self.chunks(address).await?.concat())
    }

    pub(crate) async fn chunks(&self, address: CAddr) -> Result<Vec<Bytes>, Status> {
        let request = GetRequest {
            address: bytes_of(address),
        };
        let mut stream = self.client.clone().get(request).await?.into_inner();
        let mut chunks = Vec::new();
        while let Some(chunk) = stream.message().await? {
            chunks.push(chunk.data);
        }
        Ok(chunks)
    }

    pub(crate) async fn verify(&self, address: CAddr) -> Result<VerifyResponse, Status> {
        let request = VerifyRequest {
            address: bytes_of(address),
        };
        Ok(self.client.clone().verify(request).await?.into_inner())
    }

    /// The value of a series, or how many values a histogram has; labels as `key=value`, sorted and joined by commas.
    pub(crate) fn figure(&self, name: &str, labels: &str) -> f64 {
        let snapshot = self.observer.snapshot();
        let family = snapshot
            .families
            .iter()
            .find(|it| &*it.name == name)
            .unwrap();
        let of = |it: &&counterfoil::Series| {
            let pairs = it
                .meta
                .labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"));
            pairs.collect::<Vec<_>>().join(",") == labels
        };
        match &family.series.iter().find(of).unwrap().value {
            MetricValue::Counter(value) => f64::from(u32::try_from(*value).unwrap()),
            MetricValue::UpDownCounter(value) => f64::from(i32::try_from(*value).unwrap()),
            MetricValue::Gauge(value) => *value,
            MetricValue::Histogram(value) => {
                f64::from(u32::try_from(value.counts.iter().sum::<u64>()).unwrap())
            }
            other => panic!("{name} is {other:?}"),
        }
    }

    /// Waits until a figure is what it has to become: the server counts a call after its client has the answer.
    pub(crate) async fn until(&self, name: &str, labels: &str, value: f64) {
        let until = Instant::now() + PATIENCE;
        loop {
            let now = self.figure(name, labels);
            if (now - value).abs() < f64::EPSILON {
                return;
            }
            assert!(
                Instant::now() < until,
                "{name}{{{labels}}} is {now}, not {value}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The lines of the audit log that hold this text.
    pub(crate) fn sealed(&self, text: &str) -> Vec<String> {
        let segments = std::fs::read_dir(self.data.path().join("audit/segments")).unwrap();
        let files = segments.map(|it| std::fs::read_to_string(it.unwrap().path()).unwrap());
        let all = files.collect::<String>();
        let lines = all.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

pub(crate) fn bytes_of(address: CAddr) -> Bytes {
    Bytes::copy_from_slice(address.as_bytes())
}

/// The message of a status that a code was answered as.
pub(crate) fn description(code: &str) -> &'static str {
    let catalogue = cookbook_recipe_25_content_addressed_compute::CATALOGUE;
    catalogue
        .iter()
        .find(|it| it.as_str() == code)
        .unwrap()
        .description()
}
