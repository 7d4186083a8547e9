//! Who is calling: from a client certificate to an endpoint or an operator. The only place that says so.
