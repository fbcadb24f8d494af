use super::super::adjust::tests::paid;
use super::*;
