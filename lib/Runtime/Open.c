/* The only file that refers to the program: everything else of the runtime can be linked without one. */
#include "Model.h"

qcc_status qcc_open(const qcc_options *options, qcc_model **model) { return qccrt_open(&qcc_program_data, options, model); }
