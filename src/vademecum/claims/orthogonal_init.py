"""tentative"""
import torch
from torch import nn
from vademecum.nn import lecun_normal_
from vademecum.nn.init import orthogonal_
from ._digits import accuracy, digits, mlp, seeded, train, loss
from ._outcome import Outcome
def claim(seed):
    measured={}
    with seeded(seed):
        data=digits()
        for depth in (5,40):
            for name,fill in (("ortho",orthogonal_),("gauss",lecun_normal_)):
                best=9.
                for rate in (.003,.01,.03):
                    net=mlp(64,*[64]*depth,10,activation=nn.Identity)
                    for l in net:
                        if isinstance(l,nn.Linear): fill(l.weight); nn.init.zeros_(l.bias)
                    prod=torch.linalg.multi_dot([l.weight.detach().double() for l in reversed(net[:-1]) if isinstance(l,nn.Linear)])
                    sv=torch.linalg.svdvals(prod)
                    train(net,data.x,data.y,epochs=2,learning_rate=rate)
                    l=loss(net,data.x,data.y); measured[f"loss {depth} {name} {rate}"]=l
                measured[f"cond {depth} {name}"]=float(sv[0]/sv[-1])
    return Outcome("",measured,False,"")
