// Boost.JSON is used header-only: its code is compiled here, and nothing else is.
#include <boost/json/src.hpp>
