func.func @main(%a: tensor<4xf16>, %b: tensor<4xbf16>, %c: tensor<4xf32>, %d: tensor<4xf64>, %e: tensor<4xi1>, %f: tensor<4xi8>, %g: tensor<4xi16>,
                %h: tensor<4xi32>, %i: tensor<4xi64>) -> (tensor<4xf64>, tensor<4xi1>) {
  return %d, %e : tensor<4xf64>, tensor<4xi1>
}
