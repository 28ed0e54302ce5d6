//! A record is a function of its spec: neither workers nor threads nor neighbours in a stack change a number.
