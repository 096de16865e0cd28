//! A web page in one file.
#![allow(dead_code)]
mod charset;
mod data_url;
mod media_type;
mod srcset;
mod tag;
mod tokens;
