// Static scales of activations, found on a calibration text.
#ifndef QCC_LIB_COMPILER_ACTIVATIONSCALES_H
#define QCC_LIB_COMPILER_ACTIVATIONSCALES_H
#include "lib/Compiler/Calibration.h"
namespace qcc {

/// Gives every input scale of `job.decided` that has no value (InputScales.h) the one that `options.activationRange` finds for what the float program
/// multiplies with its weight, in all places where it does. ExitQuantization, after a diagnostic for each weight, where a text brings nothing to it,
/// nothing but zeros, or what is not finite; ExitUsage without a text. `job.graph` may be null where there is none.
int chooseActivationScales(CalibrationJob job);

} // namespace qcc
#endif
