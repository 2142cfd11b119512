// Exit codes of the qcc tools: documented, stable, tested (docs/CommandLine.md).
#ifndef QCC_BASE_EXITCODES_H
#define QCC_BASE_EXITCODES_H
#ifdef __cplusplus                // the tools that run artifacts are plain C
namespace qcc {
#endif
enum ExitCode {
  ExitSuccess = 0,
  ExitCompileError = 1,      // any other compile error
  ExitUsage = 2,             // bad command line
  ExitInput = 3,             // input missing, unreadable, or unsafe external data
  ExitMalformed = 4,         // protobuf, MLIR or container does not parse
  ExitUnsupported = 5,       // valid, but not supported (--check lists all)
  ExitQuantization = 6,      // bad scales, group rule, requantization refused
  ExitVerification = 7,      // over tolerance
  ExitResource = 8,          // memory or disk limit
  ExitLink = 9,              // the linker failed
  ExitInternal = 70,         // internal compiler error
};
#ifdef __cplusplus
} // namespace qcc
#endif
#endif
