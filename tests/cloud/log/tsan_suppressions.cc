// RocksDB's library is not instrumented: the thread sanitizer sees its memory, and
// ours where it calls inline functions of ours, but not the locks and atomics that
// order the access, and would report every hand-over.  Add this file to each
// threaded test that opens an EmbeddedLog.  A string that one of its threads copies
// is read inside libstdc++, where the stack ends: that function is named as well.  Its
// threads pass each other contexts of zstd, which is not instrumented either.
extern "C" const char* __tsan_default_suppressions();

extern "C" const char* __tsan_default_suppressions() {
  return "called_from_lib:librocksdb.so\n"
         "race:librocksdb.so\n"
         "race:libzstd.so\n"
         "race:std::__cxx11::basic_string*::_M_assign\n"
         "mutex:librocksdb.so\n"
         "mutex:rocksdb::\n";
}
