// Boost.JSON is used header-only: its code is compiled here, and nothing else is,
// so that a program may link several libraries that each bring it.
#include <boost/json/src.hpp>
