//! The rules of `counterfoil gate` (`CF-G-…`).

use super::table::Entry;

pub(crate) const ENTRIES: &[Entry] = &[
    Entry {
        code: "CF-G-INIT",
        exit: 1,
        title: "a binary does not call init",
        meaning: "From the file with the binary's main, along the paths that files name, no call of counterfoil::init is reached. \
            Such a process shows no metrics, exports nothing, and its panics and its end go unseen.",
        causes: &[
            "the binary is new and was not connected yet",
            "init is called by code that the gate cannot follow: a macro, another workspace",
            "it is a command for a terminal and no service",
        ],
        next: "Begin main with let guard = counterfoil::init(config)?; and keep the guard to the end, or list an exception with its reason.",
    },
    Entry {
        code: "CF-G-SERVER",
        exit: 1,
        title: "a server is not wrapped",
        meaning: "A server for HTTP or gRPC is started in a file from which no server layer of counterfoil-tower is reached. Its requests \
            have no span and no request id, continue no trace, and are in no metric.",
        causes: &[
            "the router was built without the layer",
            "the layer is put on by code that the gate cannot follow",
            "what is served is for machines of ours only, such as a test double",
        ],
        next: "Wrap the outermost router with counterfoil_tower::ServerLayer, or list an exception with its reason.",
    },
    Entry {
        code: "CF-G-CONSUMER",
        exit: 1,
        title: "messages are taken past the adapter",
        meaning: "A client of a message broker takes messages in a file from which the consumer adapter of counterfoil-tower is not reached. \
            Their processing has no span, is not linked to the producer, and errors carry no message id.",
        causes: &[
            "the consumer is older than the adapter",
            "the broker is used for something else than messages",
        ],
        next: "Open one processing span per message with the adapter, or list an exception with its reason.",
    },
    Entry {
        code: "CF-G-PRINT",
        exit: 1,
        title: "something is printed",
        meaning: "println!, print!, eprintln!, eprint! and dbg! write what they are given as it is: not redacted, not escaped, without level, \
            time, trace or request.",
        causes: &[
            "a trace of debugging was left behind",
            "the program's output is its result: then it is no log",
        ],
        next: "Log through tracing. Where printing is the purpose, list an exception for that file.",
    },
    Entry {
        code: "CF-G-SUBSCRIBER",
        exit: 1,
        title: "a sink is set up by hand",
        meaning: "A logger, a subscriber of tracing, an exporter of OpenTelemetry or a recorder of metrics is made beside counterfoil::init. \
            What goes out there passes no redactor, and the usual text formats let escape sequences through.",
        causes: &[
            "the service had its own start-up code before",
            "a format or a destination is wanted that init does not have",
        ],
        next: "Leave it to counterfoil::init; further destinations are Exporters, which it puts behind the redactor.",
    },
    Entry {
        code: "CF-G-EXPORTER",
        exit: 1,
        title: "a sink's own code names no redactor",
        meaning: "Exporter or EventSink is implemented in a file that names neither Redact, Redacting nor Redactor. Nothing in that file shows \
            that what it sends was redacted.",
        causes: &[
            "whoever makes the exporter wraps it elsewhere",
            "the sink was written before there was a redactor",
        ],
        next: "Wrap it with Redacting where it is made, in the same file, or list an exception that says where it is wrapped.",
    },
    Entry {
        code: "CF-G-METRIC-NAME",
        exit: 1,
        title: "a metric's name is a string in the code",
        meaning: "counter!, gauge!, histogram! or their describe_…! forms are given a literal name. No table checks its unit, its labels and \
            whether it is there twice, and the reference page does not list it.",
        causes: &["the code is older than the table of names"],
        next: "Declare it with counterfoil::instruments! and take the handle from the registry, or give the macro the constant's name.",
    },
    Entry {
        code: "CF-G-STATIC-METRIC",
        exit: 1,
        title: "a handle of a metric is in a static",
        meaning: "A static holds a metrics::Counter, Gauge or Histogram. A handle that is made before the recorder is installed counts nothing, \
            for as long as the process lives, and nobody is told.",
        causes: &["handles were cached in a LazyLock for speed"],
        next: "Make the handle after init, in a struct that is passed on; or use an instrument of a Registry, which counts from the start.",
    },
    Entry {
        code: "CF-G-EXCEPTION",
        exit: 1,
        title: "an exception excepts nothing",
        meaning: "A manifest lists an exception to which no finding belongs. It would hide the next one.",
        causes: &[
            "what it excepted was mended",
            "the file was renamed, or the rule's name is of another rule",
        ],
        next: "Remove it, or mend its rule or file.",
    },
];
