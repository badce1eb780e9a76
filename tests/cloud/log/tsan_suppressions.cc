// RocksDB's library is not instrumented: the thread sanitizer sees its memory but
// not the atomics that order the access to it, and would report every hand-over.
// Add this file to each threaded test that opens an EmbeddedLog.
extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb.so\n";
}
