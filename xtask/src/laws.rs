//! The project's own rules as tests: who may use whom, which words are used, and that documentation names what exists.
//! Each needs nothing but cargo and the files of the repository.

mod circles;
mod collections;
mod docs;
mod layers;
mod quirks;
mod repository;
mod size;
mod words;
