//! Types and arithmetic that the BPF programs and user space share.
#![no_std]
