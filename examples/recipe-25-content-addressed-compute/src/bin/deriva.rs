//! A client: puts leaves and recipes, gets values, and asks what there is.
#![allow(clippy::print_stderr, reason = "a command line client")]

use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Parser, Subcommand};
use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::resolve_response::Kind;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, PutLeafRequest, PutRecipeRequest, ResolveRequest, ResolveResponse, StatusRequest,
    VerifyRequest,
};
use cookbook_recipe_25_content_addressed_compute::{CAddr, connect};
use tonic::transport::Channel;
use tonic::{Request, Status};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Asks a deriva-server.
#[derive(Parser)]
#[command(max_term_width = 80)]
struct Arguments {
    /// Where the server is
    #[arg(long, default_value = "http://127.0.0.1:50051")]
    url: String,
    /// W3C traceparent that the call is made under
    #[arg(long)]
    traceparent: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Puts a leaf of at most 4 MiB; prints its address
    Put {
        /// What it holds; standard input when left out
        file: Option<PathBuf>,
    },
    /// Puts a recipe; prints its address
    Recipe {
        /// Name and version, such as concat/v1
        function: String,
        /// Addresses in the order in which the function takes them
        inputs: Vec<CAddr>,
        /// What else the function is told, as often as wanted
        #[arg(long = "with", value_name = "NAME=VALUE")]
        parameters: Vec<String>,
    },
    /// Writes the value of an address to standard output
    Get { address: CAddr },
    /// Says what goes by an address
    Resolve { address: CAddr },
    /// Computes an address again and compares; fails if it differs
    Verify { address: CAddr },
    /// Says how much there is, and which functions
    Status,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        // Whoever reads has read enough.
        Err(error) if is_broken_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("deriva: {}", explain(&*error));
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Outcome<ExitCode> {
    let channel = connect(&arguments.url).await?;
    let client = DerivaClient::new(channel).max_decoding_message_size(1 << 20);
    let traceparent = arguments.traceparent.as_deref();
    perform(client, arguments.command, traceparent).await
}

async fn perform(
    mut client: DerivaClient<Channel>,
    command: Command,
    traceparent: Option<&str>,
) -> Outcome<ExitCode> {
    let mut out = io::stdout().lock();
    match command {
        Command::Put { file } => {
            let data = read(file)?;
            let put = client.put_leaf(traced(PutLeafRequest { data }, traceparent)?);
            writeln!(out, "{}", hex(&put.await?.into_inner().address))?;
        }
        Command::Recipe {
            function,
            inputs,
            parameters,
        } => {
            let request = PutRecipeRequest {
                function,
                inputs: inputs.into_iter().map(bytes_of).collect(),
                parameters: named(&parameters)?,
            };
            let put = client.put_recipe(traced(request, traceparent)?).await?;
            writeln!(out, "{}", hex(&put.into_inner().address))?;
        }
        Command::Get { address } => {
            let request = GetRequest {
                address: bytes_of(address),
            };
            let mut chunks = client
                .get(traced(request, traceparent)?)
                .await?
                .into_inner();
            while let Some(chunk) = chunks.message().await? {
                out.write_all(&chunk.data)?;
            }
        }
        Command::Resolve { address } => {
            let request = ResolveRequest {
                address: bytes_of(address),
            };
            let resolved = client
                .resolve(traced(request, traceparent)?)
                .await?
                .into_inner();
            describe(&mut out, resolved)?;
        }
        Command::Verify { address } => {
            let request = VerifyRequest {
                address: bytes_of(address),
            };
            let verified = client
                .verify(traced(request, traceparent)?)
                .await?
                .into_inner();
            writeln!(out, "expected {}", hex(&verified.expected))?;
            writeln!(out, "actual   {}", hex(&verified.actual))?;
            if !verified.passed {
                writeln!(
                    out,
                    "DIFFERENT: the function is not deterministic, or the store was changed"
                )?;
                return Ok(ExitCode::FAILURE);
            }
            writeln!(out, "the same")?;
        }
        Command::Status => {
            let status = client
                .status(traced(StatusRequest {}, traceparent)?)
                .await?
                .into_inner();
            writeln!(
                out,
                "leaves    {} ({} bytes)",
                status.leaves, status.blob_bytes
            )?;
            writeln!(out, "recipes   {}", status.recipes)?;
            writeln!(
                out,
                "cached    {} ({} bytes)",
                status.cache_entries, status.cache_bytes
            )?;
            writeln!(out, "uptime    {:.0} s", status.uptime_seconds)?;
            writeln!(out, "functions {}", status.functions.join(" "))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What goes by an address.
fn describe(out: &mut impl Write, resolved: ResolveResponse) -> io::Result<()> {
    match resolved.kind {
        Some(Kind::Leaf(leaf)) => writeln!(out, "leaf of {} bytes", leaf.size)?,
        Some(Kind::Recipe(recipe)) => {
            writeln!(out, "recipe {}", recipe.function)?;
            for input in &recipe.inputs {
                writeln!(out, "input  {}", hex(input))?;
            }
            let mut parameters: Vec<_> = recipe.parameters.into_iter().collect();
            parameters.sort();
            for (name, value) in parameters {
                writeln!(out, "with   {name}={value:?}")?;
            }
        }
        None => writeln!(out, "something that this client does not know")?,
    }
    writeln!(out, "depth  {}\ncached {}", resolved.depth, resolved.cached)
}

/// The parameters by name.
fn named(pairs: &[String]) -> Outcome<HashMap<String, String>> {
    let mut parameters = HashMap::new();
    for pair in pairs {
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| format!("{pair:?} is not NAME=VALUE"))?;
        let before = parameters.insert(name.to_owned(), value.to_owned());
        if before.is_some() {
            return Err(format!("--with {name}=… is there twice; give each name once").into());
        }
    }
    Ok(parameters)
}

fn read(file: Option<PathBuf>) -> Outcome<Bytes> {
    let Some(file) = file else {
        let mut data = Vec::new();
        io::stdin().lock().read_to_end(&mut data)?;
        return Ok(data.into());
    };
    let data = std::fs::read(&file);
    Ok(data
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?
        .into())
}

fn traced<T>(message: T, traceparent: Option<&str>) -> Outcome<Request<T>> {
    let mut request = Request::new(message);
    if let Some(traceparent) = traceparent {
        request
            .metadata_mut()
            .insert("traceparent", traceparent.parse()?);
    }
    Ok(request)
}

fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe)
}

/// What a status says, without the parts that are for machines.
fn explain(error: &(dyn Error + 'static)) -> String {
    match error.downcast_ref::<Status>() {
        Some(status) => format!("{} ({:?})", status.message(), status.code()),
        None => error.to_string(),
    }
}

fn bytes_of(address: CAddr) -> Bytes {
    Bytes::copy_from_slice(address.as_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
