"""The training problem: settings and data prepared for the engine, class weights, metrics, predictions."""
