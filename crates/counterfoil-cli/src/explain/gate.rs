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
            Their processing has no span, is not linked to the producer, and errors carry no message id. The same is found where a \
            function that the manifest says takes messages is called, and where messages are told some of event type, event id and \
            subject and not the rest.",
        causes: &[
            "the consumer is older than the adapter",
            "the broker is used for something else than messages",
            "the manifest names a function of the queue that has another name now",
        ],
        next: "Process each message with Consumer::process or process_for and say what it is, or list an exception with its reason.",
    },
    Entry {
        code: "CF-G-MUTATION",
        exit: 1,
        title: "steps of a change have no spans",
        meaning: "A handler that a router of axum calls for POST, PUT, PATCH or DELETE does not take its steps through Mutation: who asks and \
            what about (resolve), the change itself (apply), and the audit record or the outbox (record). A trace then shows that the \
            request was slow or failed, and not in which of them.",
        causes: &[
            "the handler is new, or a step was added past the others",
            "the steps are taken by code that the gate cannot follow: a macro, another workspace",
            "what is posted changes nothing here: it is passed on to another service",
        ],
        next: "Put each step behind the Mutation of that name, or list an exception for the file with its reason.",
    },
    Entry {
        code: "CF-G-ERROR-CODE",
        exit: 1,
        title: "an error is in no catalogue",
        meaning: "A handler of axum fails with a type that is neither ErrorCode nor knows one, or a StatusCode from 400 on is answered by hand. \
            The span and the metrics of the request then have a status and no error_code, so that nobody can tell which error it was.",
        causes: &[
            "the error was written where it was needed first",
            "the code goes with the response in a way that the gate cannot follow",
        ],
        next: "Declare it with error_codes! and answer with the entry; an error type of one's own implements Coded, and its response carries the code.",
    },
    Entry {
        code: "CF-G-OTLP",
        exit: 1,
        title: "nothing can be exported",
        meaning: "A binary calls init in a package that does not turn on the feature otlp of counterfoil, or gives it a Config that takes nothing \
            from the environment. OTEL_EXPORTER_OTLP_ENDPOINT then changes nothing, and nobody is told.",
        causes: &[
            "the manifest was written before there was a collector",
            "the configuration is made from something else than the environment",
        ],
        next: "Turn on otlp, otlp-grpc or otlp-tls, and call Config::env before init, or list an exception with its reason.",
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
        code: "CF-G-REDACTION",
        exit: 1,
        title: "a policy takes nothing out",
        meaning: "Unredacted is used outside of tests, or Redact is implemented in a file that does not name the Redactor. What is logged, \
            exported and sealed under such a policy keeps its passwords, tokens and keys.",
        causes: &[
            "redaction was turned off while looking for something",
            "the policy knows the service's own fields and forgot the usual ones",
        ],
        next: "Take the default, or Redactor::builder() with the fields that are sensitive here as well; a policy of one's own asks a Redactor first.",
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
