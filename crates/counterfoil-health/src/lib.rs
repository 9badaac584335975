//! Named health checks with deadlines and cached results, and the pages that show them.
