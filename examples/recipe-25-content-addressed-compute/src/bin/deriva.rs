//! A client: puts leaves and recipes, gets values, and asks what there is.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line client"
)]

use std::error::Error;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Parser, Subcommand};
use cookbook_recipe_25_content_addressed_compute::CAddr;
use cookbook_recipe_25_content_addressed_compute::proto::deriva_client::DerivaClient;
use cookbook_recipe_25_content_addressed_compute::proto::resolve_response::Kind;
use cookbook_recipe_25_content_addressed_compute::proto::{
    GetRequest, PutLeafRequest, PutRecipeRequest, ResolveRequest, StatusRequest, VerifyRequest,
};
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
    /// Puts a file, or standard input, as a leaf; prints its address
    Put { file: Option<PathBuf> },
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
        Err(error) => {
            eprintln!("deriva: {}", explain(&*error));
            ExitCode::from(2)
        }
    }
}

async fn run(arguments: Arguments) -> Outcome<ExitCode> {
    let channel = Channel::from_shared(arguments.url.clone())?
        .connect()
        .await
        .map_err(|error| {
            let why = error
                .source()
                .map_or_else(String::new, |it| format!(": {it}"));
            format!(
                "no server at {}{why}; start deriva-server, or name another --url",
                arguments.url
            )
        })?;
    let client = DerivaClient::new(channel).max_decoding_message_size(1 << 20);
    let traceparent = arguments.traceparent.as_deref();
    perform(client, arguments.command, traceparent).await
}

async fn perform(
    mut client: DerivaClient<Channel>,
    command: Command,
    traceparent: Option<&str>,
) -> Outcome<ExitCode> {
    match command {
        Command::Put { file } => {
            let data = read(file)?;
            let put = client.put_leaf(traced(PutLeafRequest { data }, traceparent)?);
            println!("{}", hex(&put.await?.into_inner().address));
        }
        Command::Recipe {
            function,
            inputs,
            parameters,
        } => {
            let pairs = parameters.iter().map(|pair| {
                let (name, value) = pair
                    .split_once('=')
                    .ok_or_else(|| format!("{pair:?} is not NAME=VALUE"))?;
                Ok((name.to_owned(), value.to_owned()))
            });
            let request = PutRecipeRequest {
                function,
                inputs: inputs.into_iter().map(bytes_of).collect(),
                parameters: pairs.collect::<Result<_, String>>()?,
            };
            let put = client.put_recipe(traced(request, traceparent)?).await?;
            println!("{}", hex(&put.into_inner().address));
        }
        Command::Get { address } => {
            let request = GetRequest {
                address: bytes_of(address),
            };
            let mut chunks = client
                .get(traced(request, traceparent)?)
                .await?
                .into_inner();
            let mut out = io::stdout().lock();
            while let Some(chunk) = chunks.message().await? {
                out.write_all(&chunk.data)?;
            }
            out.flush()?;
        }
        Command::Resolve { address } => {
            let request = ResolveRequest {
                address: bytes_of(address),
            };
            let resolved = client
                .resolve(traced(request, traceparent)?)
                .await?
                .into_inner();
            match resolved.kind {
                Some(Kind::Leaf(leaf)) => println!("leaf of {} bytes", leaf.size),
                Some(Kind::Recipe(recipe)) => {
                    println!("recipe {}", recipe.function);
                    let inputs = recipe.inputs.iter().map(|it| format!("input  {}", hex(it)));
                    inputs.for_each(|line| println!("{line}"));
                    let mut parameters: Vec<_> = recipe.parameters.into_iter().collect();
                    parameters.sort();
                    let lines = parameters
                        .iter()
                        .map(|(name, value)| format!("with   {name}={value:?}"));
                    lines.for_each(|line| println!("{line}"));
                }
                None => println!("something that this client does not know"),
            }
            println!("depth  {}\ncached {}", resolved.depth, resolved.cached);
        }
        Command::Verify { address } => {
            let request = VerifyRequest {
                address: bytes_of(address),
            };
            let verified = client
                .verify(traced(request, traceparent)?)
                .await?
                .into_inner();
            println!("expected {}", hex(&verified.expected));
            println!("actual   {}", hex(&verified.actual));
            if !verified.passed {
                println!("DIFFERENT: the function is not deterministic, or the store was changed");
                return Ok(ExitCode::FAILURE);
            }
            println!("the same");
        }
        Command::Status => {
            let status = client
                .status(traced(StatusRequest {}, traceparent)?)
                .await?
                .into_inner();
            println!("leaves    {} ({} bytes)", status.leaves, status.blob_bytes);
            println!("recipes   {}", status.recipes);
            println!(
                "cached    {} ({} bytes)",
                status.cache_entries, status.cache_bytes
            );
            println!("uptime    {:.0} s", status.uptime_seconds);
            println!("functions {}", status.functions.join(" "));
        }
    }
    Ok(ExitCode::SUCCESS)
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
