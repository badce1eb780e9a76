// Sentences as a receiver writes them.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace starling::edge {

// "$...*hh" without a line end.
inline std::string Nmea(const std::string& body) {
  unsigned sum = 0;
  for (const char character : body) sum ^= static_cast<unsigned char>(character);
  char end[8];
  std::snprintf(end, sizeof(end), "*%02X", sum & 0xFF);
  return "$" + body + end;
}

inline std::string NmeaAngle(double degrees, int digits, char positive, char negative) {
  const double size = std::abs(degrees);
  // To the last decimal first: 59.9999999 minutes must not be written as 60.
  const long long e7_minutes = std::llround(size * 60e7);
  char text[48];
  std::snprintf(text, sizeof(text), "%0*lld%02lld.%07lld,%c", digits, e7_minutes / 600'000'000,
                e7_minutes % 600'000'000 / 10'000'000, e7_minutes % 10'000'000,
                degrees < 0 ? negative : positive);
  return text;
}

// `time_ms`: of the day.
inline std::string NmeaTime(long long time_ms) {
  char text[48];
  std::snprintf(text, sizeof(text), "%02lld%02lld%02lld.%03lld", time_ms / 3'600'000, time_ms / 60'000 % 60,
                time_ms / 1000 % 60, time_ms % 1000);
  return text;
}

inline std::string Rmc(long long time_ms, double lat_deg, double lon_deg, double speed_mps, double course_deg) {
  char motion[64];
  std::snprintf(motion, sizeof(motion), "%.4f,%.4f", speed_mps * 3600 / 1852, course_deg);
  return Nmea("GNRMC," + NmeaTime(time_ms) + ",A," + NmeaAngle(lat_deg, 2, 'N', 'S') + "," +
              NmeaAngle(lon_deg, 3, 'E', 'W') + "," + motion + ",020818,,,A");
}

inline std::string Gga(long long time_ms, double lat_deg, double lon_deg) {
  return Nmea("GNGGA," + NmeaTime(time_ms) + "," + NmeaAngle(lat_deg, 2, 'N', 'S') + "," +
              NmeaAngle(lon_deg, 3, 'E', 'W') + ",1,12,0.70,33.4,M,-25.7,M,,");
}

}  // namespace starling::edge
