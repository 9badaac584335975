//! What the web front answers with beside the errors that the API answers it with.

counterfoil::tower::error_codes! {
    /// The errors of the web front.
    pub(crate) CATALOGUE;

    /// You are not signed in, or were away for too long.
    SIGNED_OUT: "web.signed_out", http 401, grpc 16;
    /// This request was made by another site.
    CROSS_SITE: "web.cross_site", http 403, grpc 7;
    /// This form is no longer valid; go back, load the page again and send it once more.
    FORM_EXPIRED: "web.form_expired", http 403, grpc 7;
    /// The API does not answer.
    API_UNREACHABLE: "web.api_unreachable", http 502, grpc 14;
    /// The API did not answer in time; look whether it was done before you try again.
    API_TIMEOUT: "web.api_timeout", http 504, grpc 4;
    /// The API answered something that the web front cannot read.
    API_UNREADABLE: "web.api_unreadable", http 502, grpc 13;
    /// No random numbers are to be had.
    NO_RANDOMNESS: "web.no_randomness", http 500, grpc 13;
}
