//! Named methods and components: data, not classes.
