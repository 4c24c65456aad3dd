// Command hopguard keeps Azure traffic flowing when a network virtual appliance dies.
package main

func main() {}
