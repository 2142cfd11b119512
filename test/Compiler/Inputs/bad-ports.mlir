func.func @main(%a: tensor<4xcomplex<f32>>, %b: tensor<4xindex>, %c: tensor<4xvector<4xf32>>, %d: tensor<4xtf32>, %e: tensor<4xf80>, %f: tensor<4xf128>,
                %g: tensor<4xf8E4M3FN>, %h: tensor<4xf4E2M1FN>, %i: tensor<4xi0>, %j: tensor<4xi3>, %k: tensor<4xi4>, %l: tensor<4xi128>,
                %m: tensor<4x32x!qnt.block<bits = 4, group = 32, scale = f16>>, %n: tensor<*xf32>, %o: f32, %good: tensor<4xf32>) -> (tensor<4xi3>, f32) {
  return %j, %o : tensor<4xi3>, f32
}
