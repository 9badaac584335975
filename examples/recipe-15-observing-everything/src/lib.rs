//! Recipe 15.
